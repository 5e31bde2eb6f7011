import assert from "node:assert/strict";
import { eventually } from "../../services/eventually.ts";
import { builtCode } from "../built_plugin.ts";
import { fence, pluginEvent } from "../fence.ts";

/** Line and column of the first place where `text` stands, both from 1. */
function placeOf(file: string, text: string): string {
  const before = file.slice(0, file.indexOf(text)).split("\n");
  return `${before.length}:${(before.at(-1) as string).length + 1}`;
}

const INDEX = `import type { PluginEvent, Meta } from "@posthog/plugin-scaffold";
import { RetryError, type PluginInput } from "@posthog/plugin-scaffold"; import { check } from "./src/check";

enum Kind { Page = "page", Other = 2 }

interface Config {
  host: string;
}

export async function processEvent(event: PluginEvent, { config }: Meta<Config>): Promise<PluginEvent> {
  const kind: Kind = <Kind> Kind.Page; const limit: number = 3 as number; check<string>(event.properties!.number as number, kind);
  return event;
}
export const later = RetryError;
`;

const CHECK = `import fetch from "node-fetch"; type Limit = { readonly a: number; b?: string };
export function check<T>(value: number, _kind: T): void {
  const limits: ReadonlyArray<Limit> = []; if (typeof fetch === "function" && value === 1) { throw new TypeError("the check" as string) }
  if (value === 2) (limits as unknown as { nothing(): void }).nothing();
}
`;

Deno.test("an error's stack names file, line and column of what the author wrote", async () => {
  const code = await builtCode({ "plugin.json": "{}", "index.ts": INDEX, "src/check.ts": CHECK });
  await using fenced = fence([{ source: "", code }]);
  await fenced.run([pluginEvent(1), pluginEvent(2)]);
  const stacks = fenced.failures.map(({ failure }) => failure.stack ?? "");
  assert.equal(stacks.length, 2);
  const thrown = stacks.find((stack) => stack.includes("the check")) as string;
  assert.deepEqual(thrown.split("\n"), [
    "TypeError: the check",
    `    at check (src/check.ts:${placeOf(CHECK, `new TypeError`)})`,
    `    at processEvent (index.ts:${placeOf(INDEX, "check<string>")})`,
  ]);
  const missing = stacks.find((stack) => !stack.includes("the check")) as string;
  assert.match(
    missing,
    new RegExp(`at check \\(src/check\\.ts:${placeOf(CHECK, "nothing();")}\\)`),
  );
});

Deno.test("in plain scripts places are exact without a map, the first line's included", async () => {
  const text =
    `function processEvent(event) { if (event.properties.number === 1) throw new Error("a"); missing(); }`;
  const code = await builtCode({ "index.js": text });
  assert.equal(code.maps?.size, 0);
  await using fenced = fence([{ source: "", code }]);
  await fenced.run([pluginEvent(1), pluginEvent(2)]);
  assert.deepEqual(fenced.failures.map(({ failure }) => failure.stack?.split("\n")[1]), [
    `    at processEvent (index.js:${placeOf(text, "new Error")})`,
    `    at processEvent (index.js:${placeOf(text, "missing")})`,
  ]);
});

Deno.test("log lines of stacks and of what nobody caught name the author's places", async () => {
  const text = `import { URL } from "url";
export function setupPlugin(_meta: { config: Record<string, string> }): void {
  const site: string = new URL("http://a/").host; console.error(new Error(site as string).stack);
  setTimeout((): void => { const n: number = 1; throw new RangeError("nobody caught this" + n) }, 1);
}
export const processEvent = (event: unknown): unknown => event;
`;
  const code = await builtCode({ "index.ts": text });
  await using fenced = fence([{ source: "", code }]);
  await fenced.run([pluginEvent(1)]);
  await eventually(() => fenced.logText().includes("nobody caught this1"));
  assert.match(
    fenced.logText(),
    new RegExp(`setupPlugin \\(index\\.ts:${placeOf(text, "new Error")}\\)`),
  );
  assert.match(fenced.logText(), new RegExp(`index\\.ts:${placeOf(text, "new RangeError")}`));
});

Deno.test("a plugin that breaks the prototypes gets its stacks all the same", async () => {
  const text = `import { URL } from "url";
const host: string = new URL("http://a/").host;
export function processEvent(event: object): object {
  Map.prototype.get = (): never => { throw 2 }; String.prototype.charCodeAt = (): number => 0;
  (globalThis as { Int32Array: unknown }).Int32Array = null; throw new Error("broken " + host);
}
`;
  const code = await builtCode({ "index.ts": text });
  await using fenced = fence([{ source: "", code }]);
  await fenced.run([pluginEvent(1)]);
  assert.match(
    fenced.failures[0]?.failure.stack ?? "",
    new RegExp(`index\\.ts:${placeOf(text, "new Error")}`),
  );
});
