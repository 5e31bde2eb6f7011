/** Calls of a plugin process: in order, and together where they wait for each other. */
import assert from "node:assert/strict";
import { decodeFrame, FrameType } from "../../../plugins_runtime/frames.ts";
import { CallRelay } from "../../../src/plugins/hosts/call_relay.ts";
import type { PluginCall } from "../../../src/plugins/types.ts";

const encoder = new TextEncoder();

function frameOf(id: number, methods: readonly string[], size = 0) {
  const calls = methods.map((method) => ({ configId: 1, method, args: ["x".repeat(size)] }));
  return { id, payload: encoder.encode(JSON.stringify(calls)) };
}

/** A relay whose store answers when it is let to, and what it was asked. */
function slowRelay() {
  const asked: string[][] = [];
  const gates: (() => void)[] = [];
  const relay = new CallRelay({
    async call(_configs, calls: readonly PluginCall[]) {
      asked.push(calls.map(({ method }) => method));
      await new Promise<void>((resolve) => gates.push(resolve));
      return calls.map(({ method }) => ({ ok: true, value: method }));
    },
  }, new Map());
  const answers: [number, string[]][] = [];
  const take = (bytes: Uint8Array) => {
    const { type, id, payload } = decodeFrame(bytes);
    assert.equal(type, FrameType.Answers);
    const values = JSON.parse(new TextDecoder().decode(payload)) as { value: string }[];
    answers.push([id, values.map(({ value }) => value)]);
  };
  const letGo = async () => {
    gates.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { relay, asked, answers, take, letGo };
}

Deno.test("what comes while the store answers is asked for together, answered frame by frame", async () => {
  const { relay, asked, answers, take, letGo } = slowRelay();
  relay.receive(frameOf(1, ["a"]), take);
  await letGo();
  relay.receive(frameOf(2, ["b", "c"]), take);
  relay.receive(frameOf(3, ["d"]), take);
  const seen: number[] = [];
  relay.after(() => seen.push(answers.length));
  relay.receive(frameOf(4, ["e"]), take);
  await letGo();
  await letGo();
  assert.deepEqual(asked, [["a"], ["b", "c", "d", "e"]]);
  assert.deepEqual(answers, [[1, ["a"]], [2, ["b", "c"]], [3, ["d"]], [4, ["e"]]]);
  assert.deepEqual(seen, [4]);
});

Deno.test("frames that are large together are asked for one after the other", async () => {
  const { relay, asked, answers, take, letGo } = slowRelay();
  relay.receive(frameOf(1, ["a"]), take);
  await letGo();
  for (const id of [2, 3]) relay.receive(frameOf(id, ["b"], 1_500_000), take);
  for (let turn = 0; turn < 3; turn++) await letGo();
  assert.deepEqual(asked, [["a"], ["b"], ["b"]]);
  assert.deepEqual(answers.map(([id]) => id), [1, 2, 3]);
});

Deno.test("what answers begin with is sent once, and again after others took its place", async () => {
  const ask = sharingRelay();
  const texts = (answers: readonly Answer[]) => answers.map(({ text }) => text);
  const first = await ask(["[1", "[2", "[1"]);
  assert.deepEqual(texts(first), ["[1", "[2", undefined]);
  assert.deepEqual(texts(await ask(["[2", "[1"])), [undefined, undefined]);

  const others = Array.from({ length: 2_000 }, (_, number) => `["${number}"`);
  assert.equal((await ask(others)).filter(({ text }) => text === undefined).length, 0);
  const again = await ask(["[1", ...others.slice(-1)]);
  assert.deepEqual(texts(again), ["[1", undefined]);
  assert.ok(Math.max(...again.map(({ shared }) => shared ?? 0)) <= 2_001, "numbers are used again");

  const long = `["${"x".repeat(20_000)}"`;
  assert.deepEqual(
    await ask([long, long]),
    [long, long].map((text) => (
      { ok: true, value: JSON.parse(`${text}]`) }
    )),
  );
});

interface Answer {
  readonly shared?: number;
  readonly text?: string;
}

/** A relay whose answers begin with what is asked for. */
function sharingRelay() {
  const relay = new CallRelay({
    call: (_configs, calls: readonly PluginCall[]) =>
      Promise.resolve(
        calls.map(({ args: [shared] }) => ({ ok: true, shared: String(shared), rest: "]" })),
      ),
  }, new Map());
  let id = 0;
  return async (texts: readonly string[]) => {
    const calls = texts.map((text) => ({ configId: 1, method: "m", args: [text] }));
    const payload = encoder.encode(JSON.stringify(calls));
    const frame = await new Promise<Uint8Array>((resolve) =>
      relay.receive({ id: ++id, payload }, resolve)
    );
    return JSON.parse(new TextDecoder().decode(decodeFrame(frame).payload)) as Answer[];
  };
}
