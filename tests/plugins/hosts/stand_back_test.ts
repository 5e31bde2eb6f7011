/** How a plugin's process makes room for others when it takes more than its work is worth. */
import assert from "node:assert/strict";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, type TestFence } from "../fence.ts";

const LOWEST = 19;
/** SCHED_IDLE, as Linux numbers it. */
const IDLE_ONLY = 5;

/** Niceness and scheduling policy of the only process; null where there is none. */
async function scheduling(fenced: TestFence): Promise<{ nice: number; policy: number } | null> {
  const [pid] = fenced.hosts.hosts.flatMap(({ pids }) => pids);
  if (pid === undefined) return null;
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'cat "/proc/$0/stat"', String(pid)],
    stderr: "null",
  }).output();
  const line = new TextDecoder().decode(stdout);
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return { nice: Number(fields[16]), policy: Number(fields[38]) };
}

Deno.test({
  name: "a plugin that takes much for each event, and ends it, gets the lowest priority",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using fenced = fence([{
      source: `exports.processEvent = (event) => {
        const end = Date.now() + 50;
        while (Date.now() < end);
        return event;
      }`,
    }]);
    await eventually(async () => {
      await fenced.run([pluginEvent(0)]);
      return (await scheduling(fenced))?.nice === LOWEST;
    });
    assert.match(fenced.logText(), /takes much of the processor/);
  },
});

Deno.test("answers far larger than their events are read more slowly, and all arrive", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = (event) => {
      event.properties.big = "x".repeat(1e6);
      return event;
    }`,
  }], { taskTimeoutMs: 20_000 });
  for (let batch = 0; batch < 4; batch++) {
    const outcomes = await fenced.run(Array.from({ length: 5 }, (_, n) => pluginEvent(n)));
    assert.ok(outcomes.every(({ failed, json }) => failed.length === 0 && json !== null));
  }
});

Deno.test({
  name: "what a paused plugin goes on with runs where nobody else wants to",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using fenced = fence([{
      source: `exports.processEvent = async () => {
        setInterval(() => {}, 1);
        await new Promise(() => {});
      }`,
    }], { taskTimeoutMs: 150 });
    await eventually(async () => {
      await fenced.run([pluginEvent(0)]);
      return (await scheduling(fenced))?.policy === IDLE_ONLY;
    });
    assert.match(fenced.logText(), /Plugin paused/);
  },
});
