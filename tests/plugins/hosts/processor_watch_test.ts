import assert from "node:assert/strict";
import { ProcessorWatch, type WorkingProcess } from "../../../src/plugins/hosts/processor_watch.ts";

/** Processes with so much CPU time and so many events each, and those that were told to stand back. */
function processes(used: Map<number, { cpuMs: number; done: number }>) {
  const back: number[] = [];
  const all = [...used.keys()].map((pid): WorkingProcess => ({
    pid,
    get done() {
      return used.get(pid)?.done ?? 0;
    },
    standBack: () => back.push(pid),
  }));
  const watch = new ProcessorWatch((pids) =>
    Promise.resolve(new Map(pids.map((pid) => [pid, used.get(pid)?.cpuMs ?? 0])))
  );
  return { back, look: (now: number) => watch.look(all, now) };
}

Deno.test("who takes much of a processor for little work stands back", async () => {
  const flooder = { cpuMs: 900, done: 0 };
  const busy = { cpuMs: 100, done: 0 };
  const { back, look } = processes(new Map([[1, flooder], [2, busy]]));
  await look(1_000);
  assert.deepEqual(back, [], "what its start took is not counted");
  for (const second of [2, 3]) {
    assert.deepEqual(back, []);
    flooder.cpuMs += 400;
    flooder.done += 50;
    busy.cpuMs += 900;
    busy.done += 5_000;
    await look(second * 1_000);
  }
  // 300 ms more than a tenth of each of two seconds; the other has as much for each of its events.
  assert.deepEqual(back, [1]);
});

Deno.test("a burst now and then is made up for", async () => {
  const scheduled = { cpuMs: 0, done: 0 };
  const { back, look } = processes(new Map([[1, scheduled]]));
  await look(0);
  for (let minute = 1; minute <= 5; minute++) {
    scheduled.cpuMs += 550;
    scheduled.done += 1;
    await look(minute * 60_000 - 58_000);
    await look(minute * 60_000);
  }
  assert.deepEqual(back, []);
});

Deno.test("a process that is gone has no account, and one look is made at a time", async () => {
  let looks = 0;
  const { promise, resolve } = Promise.withResolvers<Map<number, number>>();
  const watch = new ProcessorWatch(() => {
    looks++;
    return promise;
  });
  const process: WorkingProcess = { pid: 1, done: 0, standBack: () => assert.fail("stood back") };
  const first = watch.look([process], 1_000);
  const second = watch.look([process], 2_000);
  resolve(new Map());
  await Promise.all([first, second, watch.ended()]);
  assert.equal(looks, 1);
});
