/** Evaluates a plugin's files, as CommonJS, and finds what it exports. */
import vm from "node:vm";
import type { TimerFunctions } from "./instance_timers.ts";

/** Functions that a plugin may export, as far as they are functions. */
export interface PluginExports {
  readonly [name: string]: unknown;
}

type Require = (name: string) => unknown;
type ScopeFunction = (
  setTimeout: unknown,
  setInterval: unknown,
  clearTimeout: unknown,
  clearInterval: unknown,
) => ModuleFunction;
type ModuleFunction = (
  exports: unknown,
  require: Require,
  module: { exports: unknown },
  posthog: unknown,
  console: unknown,
) => Record<string, unknown>;

/** Hooks that a plugin without exports declares as plain functions. */
const HOOKS = [
  "setupPlugin",
  "teardownPlugin",
  "processEvent",
  "processEventBatch",
  "onEvent",
  "onSnapshot",
  "exportEvents",
  "runEveryMinute",
  "runEveryHour",
  "runEveryDay",
] as const;

/** What a plugin's files see beside the globals. */
export interface PluginScope {
  readonly posthog: unknown;
  readonly console: unknown;
  readonly timers: TimerFunctions;
}

/** What a plugin throws to be called again later. */
export class RetryError extends Error {}

// Captured before the plugin's text exists.
const { Script } = vm;

/**
 * One instance of the plugin: a fresh evaluation of all its files.
 * @param provided what it may import beside them, by name
 * @throws whatever the plugin's top level throws; SyntaxError naming its file
 */
export function loadPlugin(
  files: Readonly<Record<string, string>>,
  main: string,
  scope: PluginScope,
  provided: ReadonlyMap<string, unknown>,
): PluginExports {
  const loaded = new Map<string, { exports: unknown }>();
  let declared: Record<string, unknown> = {};

  const run = (path: string): unknown => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const instance = { exports: {} as unknown };
    loaded.set(path, instance);
    const source = files[path] as string;
    if (path.endsWith(".json")) {
      instance.exports = JSON.parse(source);
      return instance.exports;
    }
    const evaluate = compile(path, source, scope.timers);
    const require: Require = (wanted) => {
      // What is computed may come to anything.
      const name = `${wanted as unknown as string}`;
      const file = name.startsWith(".") ? findFile(files, path, name) : null;
      if (file !== null) return run(file);
      const plain = name.startsWith("node:") ? name.slice(5) : name;
      if (provided.has(plain)) return provided.get(plain);
      throw new Error(
        `Cannot import '${name}'! This package is not provided by PostHog in plugins.`,
      );
    };
    const found = evaluate.call(
      undefined,
      instance.exports,
      require,
      instance,
      scope.posthog,
      scope.console,
    );
    if (path === main) declared = found;
    return instance.exports;
  };
  return exportsOf(run(main), declared);
}

// Timers a function further out, as a plugin may have variables of these names.
const WRAPPER = "(function (setTimeout, setInterval, clearTimeout, clearInterval) { " +
  "return function (exports, require, module, posthog, console) {";

/**
 * The file as a function. Its text starts on the first line, so that lines in stack traces are the
 * plugin's own; behind it stand the hooks that were declared without being exported.
 */
function compile(path: string, source: string, timers: TimerFunctions): ModuleFunction {
  const declared = HOOKS.map((name) =>
    `${name}: typeof ${name} === "undefined" ? undefined : ${name}`
  );
  const text = `${WRAPPER}${source}
;return { ${declared.join(", ")} };
}})`;
  const options = { filename: path, columnOffset: -WRAPPER.length };
  const scoped = new Script(text, options).runInThisContext() as ScopeFunction;
  const { setTimeout, setInterval, clearTimeout, clearInterval } = timers;
  return scoped(setTimeout, setInterval, clearTimeout, clearInterval);
}

/** A relative import as a path of the plugin, with the endings that may be left out. */
function findFile(
  files: Readonly<Record<string, string>>,
  from: string,
  name: string,
): string | null {
  const parts = from.split("/").slice(0, -1);
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  const path = parts.join("/");
  const candidates = ["", ".js", ".ts", ".json", "/index.js", "/index.ts"].map((end) => path + end);
  // TypeScript's modules may name the file that they would be compiled to.
  candidates.push(path.replace(/js$/, "ts"));
  return candidates.find((candidate) => Object.hasOwn(files, candidate)) ?? null;
}

/** `exports` or `module.exports`, then its `default`; declared functions only where both are empty. */
function exportsOf(exported: unknown, declared: Record<string, unknown>): PluginExports {
  const own = isObject(exported) ? exported : {};
  const byDefault = isObject(own.default) ? own.default : {};
  const found = { ...byDefault, ...own };
  return Object.keys(found).length > 0 ? found : declared;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
