/** A process that stands back for others does so only as long as there is a reason. */
import assert from "node:assert/strict";
import { Renewal } from "../../../src/plugins/hosts/renewal.ts";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, propertiesOf, type TestFence } from "../fence.ts";

const PLUGIN = `exports.processEvent = (event) => {
  let sum = 0;
  // By turns and not by time, so that it takes the same of the processor whoever else wants it.
  for (let turn = 0; turn < (event.properties.turns ?? 0); turn++) sum = Math.imul(sum, 31) + turn | 0;
  event.properties.seen = sum !== null;
  return event;
}`;

/** How far a process stands back, as the kernel has it. */
async function niceOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "ni=", "-p", String(pid)] })
    .output();
  return parseInt(new TextDecoder().decode(stdout));
}

function onlyPid({ hosts }: TestFence): number {
  return hosts.hosts[0]?.pids[0] ?? 0;
}

/** Looks at the plugin as the server does every second, until its process stands back no more. */
async function untilRenewed(fenced: TestFence): Promise<void> {
  await eventually(async () => {
    fenced.hosts.hosts[0]?.check(performance.now());
    // Work goes on, and none of it passes the plugin by.
    const outcomes = await fenced.run([pluginEvent(1), pluginEvent(2)]);
    assert.deepEqual(propertiesOf(outcomes).map((each) => each?.seen), [true, true]);
    const pid = onlyPid(fenced);
    return pid !== 0 && await niceOf(pid) < 19;
  }, 60_000);
}

Deno.test("it is due once all was well for long enough, without a break", () => {
  const renewal = new Renewal(1_000);
  const cases: [isWell: boolean, now: number, isDue: boolean][] = [
    [true, 5_000, false],
    [true, 5_999, false],
    [false, 6_000, false],
    [true, 6_500, false],
    [true, 7_499, false],
    [true, 7_500, true],
    [false, 7_600, false],
    [true, 9_000, false],
  ];
  for (const [isWell, now, isDue] of cases) {
    assert.equal(renewal.isDue(isWell, now), isDue, `${now}`);
  }
});

Deno.test("a plugin whose process was killed stands back, and no more once it is well", async () => {
  await using fenced = fence([{ source: PLUGIN }], { renewalMs: 200 });
  await fenced.run([pluginEvent(0)]);
  const first = onlyPid(fenced);
  Deno.kill(first, "SIGKILL");
  await eventually(() => onlyPid(fenced) !== first);
  await fenced.run([pluginEvent(1)]);
  const second = onlyPid(fenced);
  // Not before it set its own priority.
  await eventually(async () => await niceOf(second) === 19);
  await untilRenewed(fenced);
  assert.notEqual(onlyPid(fenced), second);
  assert.match(fenced.logText(), /Plugin is well again/);
});

Deno.test("a plugin that holds its thread stands back, and no more once it is well", async () => {
  await using fenced = fence([{ source: PLUGIN }], { renewalMs: 200, taskTimeoutMs: 120_000 });
  await fenced.run([pluginEvent(0)]);
  const first = onlyPid(fenced);
  await fenced.run([pluginEvent(1, { turns: 8e8 })]);
  await eventually(async () => await niceOf(first) === 19);
  await untilRenewed(fenced);
});
