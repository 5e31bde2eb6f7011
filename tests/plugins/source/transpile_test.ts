import assert from "node:assert/strict";
import vm from "node:vm";
import { PaddockError } from "../../../src/errors.ts";
import { transpile } from "../../../src/plugins/source/transpile.ts";

/** What a transpiled file exports, with these modules to require. */
function run(code: string, modules: Record<string, unknown> = {}): Record<string, unknown> {
  const module = { exports: {} as Record<string, unknown> };
  const require = (name: string) => {
    if (!(name in modules)) throw new Error(`required ${name}`);
    return modules[name];
  };
  new vm.Script(`(function (exports, require, module) {${code}\n})`).runInThisContext()(
    module.exports,
    require,
    module,
  );
  return module.exports;
}

const one = (path: string, text: string) =>
  transpile(new Map([[path, text]]), path, "plugin X").files.get(path) as string;

Deno.test("types go, imports that are only types vanish, enums and classes work", () => {
  const code = one(
    "index.ts",
    `import { PluginEvent, RetryError } from "@posthog/plugin-scaffold";
import { S3 } from "aws-sdk/clients/s3";
import type { Meta } from "nowhere";
import fetch from "node-fetch";
enum Kind { A = "a", B = 2 }
declare const posthog: unknown;
interface Config { host: string; bucket?: S3 }
class Box<T> { constructor(private readonly value: T) {} get(): T { return this.value!; } }
export async function processEvent(event: PluginEvent, meta: Meta & Config) { return event as never }
export const answers = [Kind.A, Kind[2], new Box(1).get(), fetch, typeof RetryError];
`,
  );
  const RetryError = class extends Error {};
  const exported = run(code, {
    "@posthog/plugin-scaffold": { RetryError },
    "node-fetch": "the fetch",
  });
  assert.deepEqual(exported.answers, ["a", "B", 1, "the fetch", "function"]);
  assert.equal(typeof exported.processEvent, "function");
});

Deno.test("lines stay where they were", () => {
  const text = `import type { A } from "a";\n\ninterface B {\n  c: string;\n}\n` +
    `export function at() {\n  throw new Error("here");\n}\n`;
  const lines = one("index.ts", text).split("\n");
  assert.match(lines[6] ?? "", /throw new Error\("here"\)/);
});

Deno.test("plain scripts stay as they are, sloppy mode and top-level functions included", () => {
  const text = `function processEvent(event) { undeclared = 1; return event }`;
  assert.equal(one("index.js", text), text);
  assert.match(one("index.ts", text), /^function processEvent/);
  assert.doesNotMatch(one("index.ts", text), /use strict/);
});

Deno.test("ESM in JavaScript, mixed with module.exports, and minified", () => {
  const mixed = `import { URL } from "url";\nmodule.exports = { host: new URL("http://a/").host };`;
  assert.deepEqual(run(one("index.js", mixed), { url: { URL } }), { host: "a" });
  const minified = `const a=1;function b(){return a}export{b as processEvent};`;
  assert.equal(typeof run(one("index.js", minified)).processEvent, "function");
});

Deno.test("only what the entry requires is taken, whatever is in the other files", () => {
  const files = new Map([
    ["src/index.ts", `import { b } from "./b"; import c from "../c.json"; export { b, c };`],
    ["src/b.ts", `export * from "./deep";`],
    ["src/deep/index.js", `exports.b = require('../../plain').p;`],
    ["plain.js", `exports.p = 1; if (false) require("./not-there")`],
    ["c.json", `{"c":1}`],
    ["tests/broken.test.ts", `this is no code`],
    ["package.json", `{}`],
  ]);
  const { files: transpiled, maps } = transpile(files, "src/index.ts", "plugin X");
  assert.deepEqual(
    [...transpiled.keys()].toSorted(),
    ["c.json", "plain.js", "src/b.ts", "src/deep/index.js", "src/index.ts"],
  );
  // What is as it was written needs no map.
  assert.deepEqual([...maps.keys()].toSorted(), ["src/b.ts", "src/index.ts"]);
});

Deno.test("modules stay sloppy, unless their author wanted them strict", () => {
  const sloppy =
    `import "a";\nexport function made() { undeclaredByModule = 1; return typeof undeclaredByModule }`;
  const { made } = run(one("index.js", sloppy), { a: {} });
  assert.equal((made as () => string)(), "number");
  Reflect.deleteProperty(globalThis, "undeclaredByModule");
  const strict = run(one("index.js", `"use strict";\n${sloppy}`), { a: {} });
  assert.throws(strict.made as () => string, ReferenceError);
});

Deno.test("import() and export = need no other module syntax beside them", async () => {
  const late = run(one("index.js", `exports.late = async () => (await import("a")).b`), {
    a: { b: 7 },
  });
  assert.equal(await (late.late as () => Promise<number>)(), 7);
  const assigned = one(
    "index.ts",
    `const plugin = { processEvent() { return 3 } };\nexport = plugin;`,
  );
  assert.deepEqual(Object.keys(run(assigned)), ["processEvent"]);
});

Deno.test("a module of TypeScript may be named as the file it would be compiled to", () => {
  const files = new Map([
    ["index.ts", `import { a } from "./lib/a.js"; export const b = a;`],
    ["lib/a.ts", `export const a = 1;`],
  ]);
  assert.deepEqual([...transpile(files, "index.ts", "plugin X").files.keys()], [
    "index.ts",
    "lib/a.ts",
  ]);
});

Deno.test("what cannot be parsed is refused with its file and line", () => {
  const broken: [string, string, RegExp][] = [
    ["index.js", "function a() {\n  return 1 +\n}", /plugin X: index\.js:3:1: Unexpected token/],
    ["index.ts", "const a: = 3;", /plugin X: index\.ts:1:10: /],
    ["index.js", "<html>404</html>", /plugin X: index\.js.*: /],
    ["index.ts", "{".repeat(100_000), /plugin X: index\.ts.*: /],
    ["index.js", " ".repeat(6 * 1024 * 1024), /over 5242880 characters/],
  ];
  for (const [path, text, message] of broken) {
    assert.throws(
      () => one(path, text),
      (error) =>
        error instanceof PaddockError && error.code === "PDK_PLUGIN_LOAD" &&
        message.test(error.message),
      text.slice(0, 40),
    );
  }
});
