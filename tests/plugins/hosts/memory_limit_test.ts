/** What limits the memory of a plugin's process beyond its heap. */
import assert from "node:assert/strict";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

const MB = 1024 * 1024;
const LIMITS = { heapMb: 64, dataMb: 1_600, nice: 0 };

/** Takes memory that is none of the heap's, for one event; says what it got for the others. */
const OFF_HEAP = `
  const kept = [];
  exports.processEvent = (event) => {
    while (event.properties.number === 1) kept.push(new Uint8Array(32e6).fill(1));
    event.properties.done = true;
    return event;
  }`;

/** A row of `/proc/PID/limits`: soft and hard. */
async function limitOf(pid: number, name: string): Promise<[string, string]> {
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'cat "/proc/$0/limits"', String(pid)],
  }).output();
  const row = new TextDecoder().decode(stdout).split("\n").find((line) => line.startsWith(name));
  const [soft = "", hard = ""] = row?.slice(name.length).trim().split(/\s+/) ?? [];
  return [soft, hard];
}

Deno.test({
  name: "the data limit is set on a plugin's process, where a plugin cannot raise it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const [dataMb, expected] of [[1_600, String(1_600 * MB)], [0, "unlimited"]] as const) {
      await using fenced = fence([{ source: OFF_HEAP }], { limits: { ...LIMITS, dataMb } });
      await fenced.run([pluginEvent(0)]);
      const [pid] = fenced.hosts.hosts.flatMap(({ pids }) => pids);
      assert.ok(pid !== undefined);
      assert.deepEqual(await limitOf(pid, "Max data size"), [expected, expected]);
      assert.deepEqual(await limitOf(pid, "Max open files"), ["256", "256"]);
      assert.deepEqual(await limitOf(pid, "Max core file size"), ["0", "0"]);
    }
  },
});

Deno.test({
  name: "memory outside of the heap ends with the event that took it, by the data limit",
  ignore: Deno.build.os !== "linux",
  async fn() {
    // So long a deadline that nothing but the limit can end it.
    await using fenced = fence([{ source: OFF_HEAP }], { limits: LIMITS, taskTimeoutMs: 60_000 });
    const outcomes = await fenced.run([0, 1, 2].map((number) => pluginEvent(number)));
    assert.deepEqual(propertiesOf(outcomes).map((properties) => properties?.done === true), [
      true,
      false,
      true,
    ]);
    assert.match(fenced.logText(), /memory|allocat|out of|process ended/i);
    assert.doesNotMatch(fenced.logText(), /did not come to an end/);
  },
});
