/** teardownPlugin runs when a plugin is replaced, taken away or stopped; getSettings is tolerated. */
import assert from "node:assert/strict";
import { eventually } from "../../services/plugin_server.ts";
import { fence, pluginEvent, specOf } from "../fence.ts";

const SOURCE = `
exports.getSettings = () => ({ handlesLargeBatches: true })
exports.processEvent = (event) => event
exports.teardownPlugin = async (meta) => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  console.log("torn down " + meta.config.number)
}`;

Deno.test("a plugin is torn down when it is replaced and when it is taken away [5.setup]", async () => {
  await using fenced = fence([{ source: SOURCE, config: { number: 1 } }]);
  const [outcome] = await fenced.run([pluginEvent(1)]);
  assert.equal(outcome?.succeeded.length, 1, "getSettings is no reason not to run");
  const next = specOf({ source: SOURCE, config: { number: 2 } }, 1);
  fenced.hosts.apply([{ ...next, version: "2" }]);
  await eventually(() => /torn down 1/.test(fenced.logText()), () => fenced.logText());
  await fenced.run([pluginEvent(2)]);
  fenced.hosts.apply([]);
  await eventually(() => /torn down 2/.test(fenced.logText()), () => fenced.logText());
});

Deno.test("a teardown that throws is told, one that hangs is not waited for beyond its time", async () => {
  const fenced = fence([
    {
      source:
        "exports.processEvent = (e) => e; exports.teardownPlugin = () => { throw new Error('no') }",
    },
    {
      source:
        "exports.processEvent = (e) => e; exports.teardownPlugin = () => new Promise(() => {})",
    },
    { source: "exports.processEvent = (e) => e; exports.teardownPlugin = () => { for (;;); }" },
  ]);
  await fenced.run([pluginEvent(1)]);
  await fenced[Symbol.asyncDispose]();
  assert.match(fenced.logText(), /teardownPlugin: no/);
  assert.ok(fenced.hosts.hosts.every(({ pid }) => pid === null), "every process has ended");
});

Deno.test("hooks that are under way are waited for before the teardown", async () => {
  await using fenced = fence([{
    source: `${SOURCE}
      exports.onEvent = async () => {
        await new Promise((resolve) => setTimeout(resolve, 300))
        console.log("told")
      }`,
    config: { number: 1 },
  }]);
  await fenced.run([pluginEvent(1)]);
  const target = fenced.hosts.targets.get(1);
  const call = target?.call("onEvent", [new TextEncoder().encode("{}")]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  fenced.hosts.apply([]);
  assert.deepEqual((await call)?.status, "done");
  await eventually(() => /torn down/.test(fenced.logText()), () => fenced.logText());
  assert.match(fenced.logText(), /told[\s\S]*torn down/);
});
