/**
 * Loaded ahead of a whole run: a test that hangs fails after a time that none needs, and the others
 * go on. Whoever asks for some tests alone may have given them more to do.
 */

/** Below the eight minutes after which the run itself is given up. */
const LIMIT_MS = 7 * 60_000;

const plain = Deno.test;

function bounded(...args: unknown[]): void {
  const [first, second] = args;
  if (typeof first === "string" && typeof second === "function") {
    return plain({ name: first, fn: second as Deno.TestDefinition["fn"], timeout: LIMIT_MS });
  }
  if (typeof first === "object" && first !== null && args.length === 1) {
    return plain({ timeout: LIMIT_MS, ...first as Deno.TestDefinition });
  }
  throw new TypeError("a test is Deno.test(name, fn) or Deno.test(definition)");
}

Object.defineProperty(Deno, "test", { value: Object.assign(bounded, plain) });
