/** The types that plugin authors import, and the documentation of all that is exported. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(import.meta.resolve("../../"));

async function deno(
  ...args: string[]
): Promise<{ readonly success: boolean; readonly said: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { success, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("everything that is exported is documented, and nothing that it names is private", async () => {
  const { success, said } = await deno("doc", "--quiet", "--lint", "mod.ts", "types.ts");
  assert.ok(success, said);
});

/** Type checks a plugin that imports the types. */
async function check(source: string) {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const imports = `import type { Meta, Plugin, PluginEvent, Posthog } from "${ROOT}types.ts";`;
    await Deno.writeTextFile(file, `${imports}\n${source}`);
    return await deno("check", "--quiet", "--no-lock", file);
  } finally {
    await Deno.remove(file);
  }
}

const PLUGIN = `
declare const posthog: Posthog;
interface Input {
  config: { host: string };
  global: { calls: number };
  jobs: { retry: { id: number } };
  metrics: { total: "sum"; longest: "max" };
}
export async function processEvent(event: PluginEvent, meta: Meta<Input>): Promise<PluginEvent> {
  meta.global.calls = (meta.global.calls ?? 0) + 1;
  meta.config.host = meta.config.host.replace(/x/, "y");
  const place = await meta.geoip.locate(event.ip ?? "");
  await meta.cache.set("a", 1, 60);
  await meta.jobs.retry({ id: 1 }).runIn(3, "days");
  meta.metrics.total.increment();
  meta.metrics.longest.max(2);
  await posthog.capture("seen", { distinct_id: event.distinct_id });
  const answer = await posthog.api.get("/api/event");
  const step = await meta.utils.cursor.increment("c");
  return { ...event, properties: { ...event.properties, city: place?.city?.names?.en, ok: answer.ok, step } };
}
export const plugin: Plugin<Input> = {
  processEvent,
  jobs: { retry: ({ id }, { storage }) => storage.set("id", id) },
};
// Without an input everything may be asked for.
export const plain: Plugin = { onEvent: (event, { config }) => { console.log(config.any, event.properties?.a.b) } };
`;

Deno.test("a plugin written with the types is checked by them", async () => {
  const { success, said } = await check(PLUGIN);
  assert.ok(success, said);
  const mistakes = [
    ["meta.jobs.retry({ id: 1 })", "meta.jobs.retry({ id: 'one' })", /string/],
    ['runIn(3, "days")', 'runIn(3, "fortnights")', /fortnights/],
    ["meta.metrics.longest.max(2)", "meta.metrics.longest.increment()", /increment/],
    ["meta.config.host.replace(/x/", "meta.config.hosts.replace(/x/", /hosts/],
  ] as const;
  const wrong = mistakes.reduce((text, [right, mistake]) => text.replace(right, mistake), PLUGIN);
  const found = await check(wrong);
  assert.equal(found.success, false);
  for (const [, , pattern] of mistakes) assert.match(found.said, pattern);
  assert.match(found.said, new RegExp(`Found ${mistakes.length} errors`));
});
