/**
 * Noise at both ends of the fence, and programs that nobody wrote. Seeded: the seed is in the
 * failure's message, and `FUZZ_SEED` sets it; `FUZZ_ROUNDS` multiplies the work.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  decodeEvents,
  decodeFrame,
  decodeResults,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FrameType,
} from "../../plugins_runtime/frames.ts";
import { FrameReader } from "../../plugins_runtime/frame_reader.ts";
import { RUNTIME_FOLDER } from "../../src/plugins/hosts/host_command.ts";
import { HostProcess } from "../../src/plugins/hosts/host_process.ts";
import { fence, pluginEvent, TEAM } from "../plugins/fence.ts";
import { randomFrom, type SeededRandom } from "../services/random.ts";
import { randomProgram } from "./random_program.ts";

const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const ROUNDS = Number(Deno.env.get("FUZZ_ROUNDS") ?? 1);

/** A test whose failure says how to see it again. */
function fuzz(name: string, run: (random: SeededRandom) => Promise<void> | void): void {
  Deno.test(name, async () => {
    try {
      await run(randomFrom(SEED));
    } catch (error) {
      throw new Error(`with FUZZ_SEED=${SEED}`, { cause: error });
    }
  });
}

fuzz("frames of noise are refused or read, and nothing else", (random) => {
  for (let round = 0; round < 20_000 * ROUNDS; round++) {
    const noise = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    if (random.below(2) === 0 && noise.length >= FRAME_HEADER_BYTES) {
      // A head that is plausible, so that what is behind it is looked at.
      new DataView(noise.buffer).setUint32(0, noise.length - 4);
      noise[4] = 1;
    }
    for (
      const read of [
        () => new FrameReader().push(noise).map((frame) => decodeFrame(frame)),
        () => decodeEvents(noise),
        () => decodeResults(noise),
      ]
    ) {
      try {
        read();
      } catch (error) {
        assert.ok(error instanceof Error, String(error));
      }
    }
  }
});

fuzz("a host that writes noise costs its plugin, not the server", async (random) => {
  for (let round = 0; round < 8 * ROUNDS; round++) {
    await using fenced = fence([{ source: String(random.below(1e9)) }], {
      runtime: fileURLToPath(import.meta.resolve("./fuzzing_runtime/")),
      taskTimeoutMs: 400,
    });
    const runs = Array.from(
      { length: 10 },
      (_, batch) => fenced.run([0, 1, 2].map((number) => pluginEvent(batch * 3 + number))),
    );
    const outcomes = (await Promise.all(runs)).flat();
    assert.equal(outcomes.length, 30);
    const isPolluted = "polluted" in {};
    assert.equal(isPolluted, false);
  }
});

fuzz("a worker that is sent noise does nothing, or ends", async (random) => {
  for (let round = 0; round < 6 * ROUNDS; round++) {
    const ended = Promise.withResolvers<string>();
    const types: number[] = [];
    const process = new HostProcess({
      runtime: RUNTIME_FOLDER,
      grants: [],
      gateway: null,
      libraries: [],
      limits: { heapMb: 64, dataMb: 1_600, nice: 0 },
      silenceMs: 2_000,
    }, {
      frame: ({ type }) => types.push(type),
      logRoom: () => null,
      ended: ended.resolve,
    });
    for (let frame = 0; frame < 40; frame++) {
      const payload = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
      process.send(encodeFrame(random.below(12) as FrameType, random.below(9), payload));
    }
    process.send(encodeFrame(FrameType.Ping, 1));
    await Promise.race([
      ended.promise,
      new Promise((resolve) => setTimeout(resolve, 500)),
    ]);
    process.kill("the test is over");
    await process.gone();
    assert.ok(types.every((type) => type > 100), `only a host's frames: ${types}`);
  }
});

fuzz("programs that nobody wrote cost their own events only", async (random) => {
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  for (let round = 0; round < 4 * ROUNDS; round++) {
    const programs = Array.from({ length: 8 }, () => randomProgram(random));
    await using fenced = fence([
      ...programs.map((source, index) => ({ source, teamId: TEAM + 1 + index })),
      {
        source: `exports.processEvent = (event) => { event.properties.seen = true; return event }`,
      },
    ], { taskTimeoutMs: 400, limits: { heapMb: 64, dataMb: 1_600, nice: 10 } });
    const events = [0, 1, 2].map((number) => pluginEvent(number));
    const [neighbour, ...others] = await Promise.all([
      fenced.run(events),
      ...programs.map((_, index) => {
        const teamId = TEAM + 1 + index;
        return fenced.run(events.map((event) => ({ ...event, team_id: teamId })), teamId);
      }),
    ]);
    assert.ok(neighbour?.every(({ json }) => json !== null && JSON.parse(json).properties.seen));
    others.forEach((outcomes, index) => {
      const about = programs[index];
      assert.equal(outcomes.length, 3, about);
      for (const { json } of outcomes) {
        if (json === null) continue;
        const { power } = JSON.parse(json)?.properties ?? {};
        assert.equal(power, undefined, `power was reached: ${power} by ${about}`);
      }
    });
  }
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, before);
});
