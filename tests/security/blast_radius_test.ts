/** A plugin that loops, floods, leaks or dies costs only the event it did it for. */
import assert from "node:assert/strict";
import { fence, pluginEvent } from "../plugins/fence.ts";
import { type Attack, testAttacks } from "./attack_server.ts";

const fails = (name: string, code: string): Attack => ({ name, code, expect: "fails" });
/** For what the runtime may refuse before it has to be stopped. */
const contained = (name: string, code: string): Attack => ({ name, code, expect: "contained" });

const LOOPS: readonly Attack[] = [
  fails("a busy loop", "for (;;);"),
  fails("a loop in catch", "for (;;) { try { throw 1 } catch { continue } }"),
  fails("a loop in finally", "for (;;) { try { throw 1 } catch {} finally { continue } }"),
  fails("a loop in a getter", "const o = { get x() { for (;;); } }; return o.x;"),
  fails(
    "a loop in toJSON",
    "event.properties.x = { toJSON() { for (;;); } }; JSON.stringify(event);",
  ),
  fails("a loop of microtasks", "const spin = () => Promise.resolve().then(spin); await spin();"),
  fails(
    "a loop of queueMicrotask",
    "const spin = () => queueMicrotask(spin); spin(); await new Promise(() => {});",
  ),
  fails("an async loop that never yields", "for (;;) await null;"),
  fails("a generator without end", "for (const _ of (function* () { for (;;) yield 1 })());"),
  contained(
    "a proxy that answers for ever",
    "const p = new Proxy([], { get: (t, k) => k === 'length' ? Infinity : 1 }); Array.prototype.map.call(p, () => 1);",
  ),
  fails("a catastrophic expression", "/^(a+)+$/.test('a'.repeat(60) + 'b');"),
  fails(
    "a native sort",
    "const a = new Float64Array(3e7).map(() => Math.random()); for (;;) a.sort();",
  ),
  fails(
    "a native search",
    "const h = 'a'.repeat(1e7), n = 'a'.repeat(5e6) + 'b'; for (;;) h.indexOf(n);",
  ),
  fails("a huge BigInt", "let n = 3n; for (;;) n = n ** 3n;"),
  fails("JSON without end", "const s = '[' + '1,'.repeat(5e6) + '1]'; for (;;) JSON.parse(s);"),
  fails(
    "structuredClone without end",
    "const a = new Array(1e6).fill({ a: 1 }); for (;;) structuredClone(a);",
  ),
  fails("URL parsing without end", "for (;;) new URL('http://' + 'a'.repeat(1000));"),
  fails(
    "Intl without end",
    "for (;;) new Intl.DateTimeFormat('de', { dateStyle: 'full' }).format(1);",
  ),
  fails(
    "timers that starve each other",
    "const storm = () => { for (let i = 0; i < 1e4; i++) setTimeout(storm, 0) }; storm(); await new Promise(() => {});",
  ),
  fails(
    "intervals without end, then a loop",
    "for (let i = 0; i < 1e5; i++) setInterval(() => {}, 0); for (;;);",
  ),
];

const MEMORY: readonly Attack[] = [
  contained("a heap bomb of objects", "const all = []; for (;;) all.push({ a: [1, 2, 3] });"),
  contained(
    "a heap bomb of text",
    "let t = 'x'; const all = []; for (;;) { t += t.slice(0, 1e6); all.push(t + 'y') }",
  ),
  contained("a heap bomb of a map", "const m = new Map(); for (let i = 0;; i++) m.set(i, { i });"),
  contained(
    "a heap bomb of a set of texts",
    "const s = new Set(); for (let i = 0;; i++) s.add('t' + i);",
  ),
  contained(
    "a heap bomb of closures",
    "const all = []; for (;;) { const x = [all.length]; all.push(() => x) }",
  ),
  contained("a heap bomb of promises", "const all = []; for (;;) all.push(new Promise(() => {}));"),
  contained(
    "a heap bomb of BigInts",
    "const all = []; for (let i = 1n;; i++) all.push(1n << (i * 1000n % 1000000n));",
  ),
  contained("one huge array", "const a = new Array(3e8).fill(1.5); return a.length;"),
  contained(
    "an array that grows in the middle",
    "const a = [1]; for (;;) a.splice(1, 0, ...a.slice(0, 5e4));",
  ),
  contained(
    "buffers without end",
    "const all = []; for (;;) all.push(new Uint8Array(64e6).fill(1));",
  ),
  contained(
    "resizable buffers",
    "const all = []; for (;;) { const b = new ArrayBuffer(1, { maxByteLength: 64e6 }); b.resize(64e6); new Uint8Array(b).fill(1); all.push(b) }",
  ),
  contained(
    "blobs without end",
    "const part = new Uint8Array(32e6).fill(1), all = []; for (;;) all.push(new Blob([part, part]));",
  ),
  contained(
    "TextEncoder without end",
    "const t = 'é'.repeat(2e7), all = []; for (;;) all.push(new TextEncoder().encode(t));",
  ),
  contained("Buffers without end", "const all = []; for (;;) all.push(Buffer.alloc(64e6, 1));"),
  contained(
    "a huge text to print",
    "const all = []; for (;;) all.push(JSON.stringify('x'.repeat(3e8)));",
  ),
  contained(
    "a split of a huge text",
    "const all = []; for (;;) all.push('x'.repeat(2e8).split(''));",
  ),
  contained(
    "streams that fill up",
    "const all = []; for (;;) all.push(new ReadableStream({ start(c) { for (let i = 0; i < 1e5; i++) c.enqueue(new Uint8Array(1e4)) } }));",
  ),
  contained(
    "forms without end",
    "const f = new FormData(); for (let i = 0;; i++) f.append('k' + i, 'x'.repeat(1e5) + i);",
  ),
];

const QUIET: readonly Attack[] = [
  {
    name: "a promise that never settles",
    source: `exports.processEvent = async (event) => {
      if (event.properties.attack) await new Promise(() => {});
      event.properties.seen = true;
      return event;
    }`,
    expect: "fails",
  },
  {
    name: "a thenable that never settles",
    source: `exports.processEvent = (event) => {
      if (event.properties.attack) return { then() {} };
      event.properties.seen = true;
      return event;
    }`,
    expect: "fails",
  },
  {
    name: "a stack overflow",
    code: "const deep = () => deep() + 1; return deep();",
    expect: /^threw Maximum call stack/,
  },
  {
    name: "a stack overflow in JSON",
    code: "let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return JSON.stringify(o).length;",
    expect: /^(threw Maximum call stack|returned 600002)/,
  },
  {
    name: "a log flood",
    code: "for (let i = 0; i < 1e5; i++) console.log('flood ' + i); return 'done';",
    expect: /^returned done/,
  },
  {
    name: "log lines of 10 MB",
    code: "for (let i = 0; i < 20; i++) console.log('x'.repeat(1e7)); return 'done';",
    expect: /^returned done/,
  },
  {
    name: "calls without end",
    code:
      "let n = 0; for (let i = 0; i < 2e5; i++) meta.storage.get('k').then(() => {}, () => n++); await meta.storage.get('k'); return 'refused ' + (n > 0);",
    expect: "contained",
  },
  {
    name: "workers to fork",
    code:
      "for (let i = 0; i < 100; i++) new Worker('data:text/javascript,for(;;);'); return 'forked';",
    expect: "refused",
  },
  {
    name: "a kill of itself",
    code: "Deno.kill(Deno.pid, 'SIGKILL'); return 'killed'",
    expect: "refused",
  },
  { name: "an exit", code: "process.exit(0); return 'ended'", expect: "refused" },
  { name: "an abort", code: "process.abort(); return 'ended'", expect: "refused" },
  {
    name: "a panic of the runtime",
    code: "Deno[Deno.internal].core.ops.BrowserWindow(); return 'panicked'",
    expect: "refused",
  },
  {
    name: "an error that nobody catches",
    code:
      "setTimeout(() => { throw new Error('uncaught') }, 0); await new Promise((r) => setTimeout(r, 50)); return 'alive';",
    expect: /^returned alive/,
  },
  {
    name: "a rejection that nobody catches",
    code:
      "Promise.reject(new Error('unhandled')); await new Promise((r) => setTimeout(r, 50)); return 'alive';",
    expect: /^returned alive/,
  },
  {
    name: "a rejection with an error that cannot be read",
    code:
      "Promise.reject(new Proxy({}, { get() { throw 1 } })); await new Promise((r) => setTimeout(r, 50)); return 'alive';",
    expect: /^returned alive/,
  },
];

/**
 * Plugin code can call the listener that the server's frames come to: it fools its own world, in
 * which deadlines are kept, and the server has to do without that.
 */
const FORGE = `
  const data = globalThis[Object.getOwnPropertySymbols(globalThis).find((s) => globalThis[s]?.listeners)];
  const { callback } = data.listeners.message[0];
  const trusted = Object.getOwnPropertySymbols(new Event("x")).find((s) => String(s).includes("isTrusted"));
  const forge = (type, id, payload = []) => {
    const frame = new Uint8Array(10 + payload.length);
    new DataView(frame.buffer).setUint32(0, 6 + payload.length);
    frame.set([1, type, 0, 0, 0, id, ...payload], 4);
    const message = new Event("message");
    message[trusted] = true;
    message.data = frame;
    callback.call(globalThis, message);
  };`;

/** What never comes to an end, in a world without promises in which no deadline is kept. */
const UNTIMED = (code: string) =>
  `exports.processEvent = (event) => {
    if (!event.properties.attack) { event.properties.seen = true; return event }
    globalThis.Promise = class { then() {} };
    ${code}
    return { then() {} };
  }`;

const STALLING: readonly Attack[] = [
  { name: "a world without deadlines", source: UNTIMED(""), expect: "fails" },
  {
    name: "silence on purpose, and a sign of life in between",
    source: UNTIMED(`
      const spin = () => { const end = Date.now() + 700; while (Date.now() < end); setTimeout(spin, 150) };
      spin();`),
    expect: "fails",
  },
  {
    name: "signs of life that are forged",
    source: UNTIMED(`${FORGE} setInterval(() => forge(5, 1), 20);`),
    expect: "fails",
  },
  {
    name: "a loop that forges signs of life",
    source: UNTIMED(`${FORGE} for (;;) forge(5, 1);`),
    expect: "fails",
  },
  {
    name: "an answer that is forged fools the plugin alone",
    code: `${FORGE}
      const asked = meta.storage.get("k", "none");
      await null;
      const payload = new TextEncoder().encode('[{"ok":true,"value":"forged"}]');
      for (let id = 1; id < 200; id++) forge(3, id, payload);
      return await asked;`,
    expect: /^returned (forged|none)$/,
  },
  {
    name: "limits that are forged",
    // Loads itself again, with a million lines a second.
    code: `${FORGE}
      const load = { files: { "index.js": "for (let i = 0; i < 2e4; i++) console.log(i)" }, main: "index.js",
        maps: {}, configs: [{ id: 1, config: {}, attachments: {} }], logLinesPerSecond: 1e6, logLineLength: 1e6,
        egress: null, egressLimits: { requests: 1e6, requestMs: 1e9 } };
      forge(1, 0, new TextEncoder().encode(JSON.stringify(load)));
      return "forged";`,
    expect: "harmless",
  },
  {
    name: "a flood of requests that are refused",
    code:
      "for (let i = 0; i < 2e3; i++) await fetch('http://127.0.0.1:9/' + i).catch(() => {}); return 'done';",
    expect: "harmless",
  },
  {
    name: "a log of what is no line",
    code:
      "Object.prototype.toJSON = function () { return { message: 'x'.repeat(5e7) } }; console.log('x'); delete Object.prototype.toJSON; await new Promise((r) => setTimeout(r, 50)); return 'done';",
    expect: "contained",
  },
  {
    name: "a call that is given 5 MB",
    code:
      "Array.prototype.toJSON = () => 'x'.repeat(5e6); const asked = meta.storage.get('k'); delete Array.prototype.toJSON; return await asked;",
    expect: /^threw storage\.get was given 5000002 bytes/,
  },
  {
    name: "a call of 50 MB, past the worker's bound",
    // What waits to be sent is a list: the plugin puts its hand in between, as the call comes to it.
    code: `
      Object.defineProperty(Array.prototype, 0, {
        configurable: true,
        set(value) {
          Object.defineProperty(this, 0, { value, writable: true, enumerable: true, configurable: true });
          if (typeof value?.text === "string") value.text = "x".repeat(5e7);
        },
      });
      meta.storage.get("k").catch(() => {});
      delete Array.prototype[0];
      await new Promise((r) => setTimeout(r, 50));
      return "done";`,
    expect: "contained",
  },
];

const ALWAYS: readonly Attack[] = [
  { name: "a loop while it loads", source: "for (;;);", expect: "harmless" },
  {
    name: "a heap bomb while it loads",
    source: "const a = []; for (;;) a.push({});",
    expect: "harmless",
  },
  { name: "a throw while it loads", source: "throw new Error('no')", expect: "harmless" },
  { name: "text that does not parse", source: "exports.processEvent = (", expect: "harmless" },
  {
    name: "an await at the top that never ends",
    source: "export default {}; await new Promise(() => {});",
    expect: "harmless",
  },
  {
    name: "a setup that never ends",
    source:
      "exports.setupPlugin = () => new Promise(() => {}); exports.processEvent = (event) => event",
    expect: "harmless",
  },
  {
    name: "a setup that loops",
    source: "exports.setupPlugin = () => { for (;;); }; exports.processEvent = (event) => event",
    expect: "harmless",
  },
  {
    name: "a loop for every event",
    source: "exports.processEvent = () => { for (;;); }",
    expect: "harmless",
  },
  {
    name: "a teardown that loops",
    source: "exports.teardownPlugin = () => { for (;;); }; exports.processEvent = (event) => event",
    expect: "harmless",
  },
];

testAttacks("loops end with their event", LOOPS, { atOnce: 4 });
testAttacks("memory ends with its event", MEMORY, { atOnce: 3 });
testAttacks("what neither loops nor leaks costs an event at most", QUIET, { atOnce: 8 });
testAttacks("what looks alive and ends nothing is stopped", STALLING, { atOnce: 5 });
testAttacks("a plugin that is all attack costs its own events only", ALWAYS, {
  atOnce: 5,
  env: { PLUGIN_HEAP_MB: "64" },
});

Deno.test("a plugin that always hangs is paused, and its events pass it by", async () => {
  await using fenced = fence([{ source: `exports.processEvent = () => { for (;;); }` }], {
    taskTimeoutMs: 150,
  });
  for (let batch = 0; batch < 3; batch++) {
    const outcomes = await fenced.run([0, 1, 2, 3].map((number) => pluginEvent(number)));
    assert.ok(outcomes.every(({ json }) => json !== null));
    assert.ok(outcomes.every(({ failed }) => failed.length === 1));
  }
  assert.match(fenced.logText(), /did not come to an end within 0\.15 s/);
  assert.match(fenced.logText(), /paused for 10 s/);
});

Deno.test("what a plugin says of its events has a bound, whatever it throws", async () => {
  await using fenced = fence(
    [{ source: `exports.processEvent = () => { throw new Error("no") }` }],
    {
      logLinesPerSecond: 10,
    },
  );
  for (let batch = 0; batch < 10; batch++) {
    const outcomes = await fenced.run(Array.from({ length: 100 }, (_, n) => pluginEvent(n)));
    assert.ok(outcomes.every(({ failed }) => failed.length === 1));
  }
  const lines = fenced.log.filter(({ message }) => message.startsWith("Error: no")).length;
  // Twenty in each second that this took.
  assert.ok(lines >= 20 && lines < 500, `${lines} lines of 1,000`);
});

Deno.test("the server's own loop is not held up by a plugin's", async () => {
  await using fenced = fence([{ source: `exports.processEvent = () => { for (;;); }` }], {
    taskTimeoutMs: 1_000,
  });
  const running = fenced.run([pluginEvent(0)]);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  await running;
  clearInterval(timer);
  // Generous: what is told apart is a loop that breathes from one that stands still for a second.
  assert.ok(longest < 500, `${longest} ms`);
});
