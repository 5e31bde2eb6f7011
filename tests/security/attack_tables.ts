/** Attempts to get from inside a plugin to what it was not given, as code that tries. */

/** Expressions that have to fail or come to nothing. */
export const GLOBALS: readonly string[] = [
  "Deno",
  "globalThis.Deno",
  "process",
  "globalThis.process",
  "global.process",
  "Worker",
  "SharedWorker",
  "BroadcastChannel",
  "MessageChannel",
  "MessagePort",
  "SharedArrayBuffer",
  "Atomics",
  "WebAssembly",
  "WebAssembly.compileStreaming",
  "navigator",
  "navigator.locks",
  "navigator.gpu",
  "GPU",
  "caches",
  "localStorage",
  "sessionStorage",
  "indexedDB",
  "performance",
  "postMessage",
  "self",
  "close",
  "importScripts",
  "EventSource",
  "WebSocket",
  "WebTransport",
  "XMLHttpRequest",
  "Notification",
  "alert",
  "prompt",
  "crypto.subtle.constructor",
  "URL.createObjectURL",
  "setImmediate",
  "reportError",
  "onmessage",
  "location",
  "addEventListener.call",
  "dispatchEvent.call",
  "ImageData",
  "createImageBitmap",
  "CompressionStream",
  "__dirname",
  "name",
];

/**
 * From every global and every kind of instance by keys, symbols, getters and prototypes.
 * @param harmless names of functions that have no more than the name of a power
 */
export const walk = (setup: string, extra: string, harmless = /^$/): string => `
  ${setup}
  const body = new Response("abc").body;
  const roots = [globalThis, meta, event, require, module, exports, console, posthog, body,
    body.getReader(), new Request("http://x/"), new Response("x"), new Blob(["x"]), new Event("x"),
    new AbortController(), AbortSignal.any([AbortSignal.timeout(1e4)]), new FormData(), new Error("x"),
    new Headers({ a: "b" }), new Headers({ a: "b" }).entries(), new TextDecoderStream(),
    new TransformStream(), new WritableStream().getWriter(), new URL("http://x/?a=b").searchParams,
    Buffer.from("x"), new DOMException("x"), new URLPattern({}), new Intl.DateTimeFormat(),
    setTimeout(() => {}, 1), new File([], "x"), (async function* () {})(), require("url"),
    require("node-fetch"), require("@posthog/plugin-scaffold"), require("buffer"), ${extra}];
  const power = /^(op_|kill|exit|spawn|listen$|open$|readSync|writeSync|createHttpClient|postMessage|Worker$|binding|dlopen|TCP|Pipe$)/;
  const seen = new Set(), left = [...roots];
  while (left.length > 0) {
    const value = left.pop();
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
    seen.add(value);
    if (typeof value === "function" && power.test(value.name) && !${harmless}.test(value.name)) return value.name + " " + String(value).slice(0, 80);
    left.push(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      const { value: member, get, set } = Object.getOwnPropertyDescriptor(value, key) ?? {};
      left.push(member, get, set);
      for (const root of get === undefined ? [] : [value, ...roots]) {
        try { const got = get.call(root); left.push(got); Promise.resolve(got).catch(() => {}) } catch {}
      }
    }
  }
  return seen.size > 1000 ? undefined : "only " + seen.size + " things were seen";`;

/** Ways to a function or an object of the runtime. */
export const ROADS: readonly (readonly [name: string, code: string])[] = [
  ["new Function", "return new Function('return Deno')()"],
  ["indirect eval", "return (0, eval)('Deno')"],
  ["direct eval", "return eval('process')"],
  [
    "the async function's constructor",
    "return (async function () {}).constructor('return process')()",
  ],
  [
    "the generator's constructor",
    "return (function* () {}).constructor('return Deno')().next().value",
  ],
  [
    "the async generator's constructor",
    "return (await (async function* () {}).constructor('return process')().next()).value",
  ],
  ["this of a sloppy function", "return (function () { return this.Deno })()"],
  ["the constructor of this", "return this.constructor.constructor('return Deno')()"],
  [
    "a timer given text",
    "let got; globalThis.sink = (v) => got = v; setTimeout('sink(Deno)', 0); await new Promise((r) => setTimeout(r, 20)); return got",
  ],
  ["the internal symbol", "return globalThis[Symbol.for('Deno.internal')]"],
  [
    "a symbol of the globals",
    "return globalThis[Object.getOwnPropertySymbols(globalThis).find((s) => String(s).includes('Deno'))]",
  ],
  [
    "the prototypes of the globals",
    "let o = globalThis; while (o) { for (const k of Reflect.ownKeys(o)) if (/^(Deno|process|Worker|postMessage|close|navigator)$/.test(String(k))) return String(k); o = Object.getPrototypeOf(o) }",
  ],
  [
    "call sites by prepareStackTrace",
    "Error.prepareStackTrace = (e, s) => s; const s = new Error().stack; return Array.isArray(s) ? s[0].getFunction() : undefined",
  ],
  [
    "call sites by another Error",
    "globalThis.Error = { prepareStackTrace: (e, s) => s }; try { null.x } catch (e) { return Array.isArray(e.stack) ? 'sites' : undefined }",
  ],
  [
    "call sites by a subclass",
    "class E extends Error {} E.prepareStackTrace = (e, s) => s; const s = new E().stack; return Array.isArray(s) ? 'sites' : undefined",
  ],
  [
    "call sites by TypeError",
    "TypeError.prepareStackTrace = (e, s) => s; const s = new TypeError().stack; return Array.isArray(s) ? 'sites' : undefined",
  ],
  [
    "call sites by captureStackTrace",
    "const o = {}; Error.captureStackTrace(o); return Array.isArray(o.stack) ? 'sites' : undefined",
  ],
  [
    "call sites by a polluted prototype",
    "Object.prototype.prepareStackTrace = (e, s) => s; const s = new Error().stack; delete Object.prototype.prepareStackTrace; return Array.isArray(s) ? 'sites' : undefined",
  ],
  [
    "the caller of a host function",
    "function f() { return f.caller && f.caller.caller } return (0, f)()?.constructor('return Deno')()",
  ],
  [
    "arguments of the caller",
    "function f() { return f.caller.arguments } const a = f(); return a && a[0] && a[0].Deno",
  ],
  ["the constructor of fetch", "return Object.getPrototypeOf(fetch).constructor('return Deno')()"],
  ["the constructor of console.log", "return console.log.constructor('return Deno')()"],
  ["the constructor of Buffer", "return Buffer.constructor('return process')()"],
  ["the constructor of meta.storage.get", "return meta.storage.get.constructor('return Deno')()"],
  ["the constructor of meta", "return meta.constructor.constructor('return process')()"],
  ["the constructor of require", "return require.constructor('return process')()"],
  ["the constructor of setTimeout", "return setTimeout.constructor('return Deno')()"],
  [
    "the constructor of a host's promise",
    "return meta.storage.get('x').constructor.constructor('return Deno')()",
  ],
  [
    "an error of the host",
    "try { await fetch('x:') } catch (e) { return e.constructor.constructor('return process')() }",
  ],
  [
    "the cause of a host's error",
    "try { await fetch('http://127.0.0.1:1') } catch (e) { return e.cause && e.cause.constructor.constructor('return process')() }",
  ],
  [
    "the return value of setTimeout",
    "const t = setTimeout(() => {}, 1); clearTimeout(t); return typeof t === 'object' ? t.constructor.constructor('return process')() : undefined",
  ],
  ["module.constructor", "return module.constructor.createRequire"],
  ["require.cache", "return require.cache"],
  ["require.main", "return require.main"],
  ["process.binding", "return process.binding('fs')"],
  ["process.getBuiltinModule", "return process.getBuiltinModule('fs')"],
  ["process.mainModule", "return process.mainModule.require('fs')"],
  [
    "a Response that streams wasm",
    "return await WebAssembly.instantiateStreaming(new Response(new Uint8Array(8)))",
  ],
  ["a blob's URL", "return URL.createObjectURL(new Blob(['1']))"],
  [
    "an event dispatched to the worker",
    "const e = new Event('message'); Object.defineProperty(e, 'data', { value: new Uint8Array(4) }); dispatchEvent(e); return globalThis.Deno",
  ],
  [
    "an event dispatched through the prototype",
    "let hit; const e = new Event('unload'); EventTarget.prototype.dispatchEvent.call(globalThis, e); return globalThis.Deno",
  ],
  [
    "a listener of the worker's messages",
    "let got; EventTarget.prototype.addEventListener.call(globalThis, 'message', (e) => got = e.data); await meta.storage.get('x').catch(() => {}); return got && got.buffer ? 'frames' : undefined",
  ],
  ["structuredClone of a host function", "return structuredClone(fetch)"],
  ["structuredClone with a transfer of memory", "return structuredClone(new SharedArrayBuffer(8))"],
  [
    "shared memory by wasm",
    "return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer",
  ],
  [
    "the pool behind Buffers",
    "const { buffer } = Buffer.from('x'); const text = Buffer.from(buffer).toString('latin1'); return /secret|posthog|Proxy-Auth/i.test(text) ? 'leak' : undefined",
  ],
  [
    "memory that was not cleared",
    "return Buffer.allocUnsafe(1e6).some((b) => b !== 0) ? 'leak' : undefined",
  ],
  [
    "a getter on what the host reads",
    "let got; Object.defineProperty(Object.prototype, 'configId', { get() { got = 1 }, set(v) { got = v; }, configurable: true }); await meta.storage.get('x').catch(() => {}); delete Object.prototype.configId; return got === undefined ? undefined : globalThis.Deno",
  ],
  [
    "the then of a host's promise",
    "let got; const { then } = Promise.prototype; Promise.prototype.then = function (a, b) { got = this; return then.call(this, a, b) }; await meta.storage.get('x').catch(() => {}); Promise.prototype.then = then; return got && got.Deno",
  ],
  [
    "the captured function of a polluted call",
    "let got; const { call } = Function.prototype; Function.prototype.call = function (...a) { got = this.name; return Reflect.apply(this, a[0], a.slice(1)) }; console.log('x'); await null; Function.prototype.call = call; return /write|post/.test(got || '') ? got : undefined",
  ],
  [
    // Deno starts some operations of connections so.
    "an operation of Deno's, by a polluted call",
    `let got; const { call } = Function.prototype;
     try { Object.defineProperty(Function.prototype, "call", { configurable: true, writable: true,
       value: function (...a) { if (/^op_/.test(this.name)) got = this.name; return Reflect.apply(this, a[0], a.slice(1)) } }) } catch { return }
     const settled = [fetch("http://127.0.0.1:9/"), typeof reconnect === "function" && reconnect()];
     await Promise.race([Promise.allSettled(settled), new Promise((done) => setTimeout(done, 300))]);
     Function.prototype.call = call; return got`,
  ],
  [
    "the captured function of a polluted apply",
    "let got; const { apply } = Reflect; Reflect.apply = (f, t, a) => { got = f.name; return apply(f, t, a) }; console.log('x'); await null; Reflect.apply = apply; return /write|post/.test(got || '') ? got : undefined",
  ],
  [
    "bytes on their way out",
    "let got; const { set } = Uint8Array.prototype; Uint8Array.prototype.set = function (v, o) { got = v; return set.call(this, v, o) }; console.log('x'); await meta.storage.get('x').catch(() => {}); Uint8Array.prototype.set = set; return got && got.Deno",
  ],
  [
    "an iterator of the host's lists",
    "let got; const it = Array.prototype[Symbol.iterator]; Array.prototype[Symbol.iterator] = function () { got = this; return it.call(this) }; console.log('x'); await null; Array.prototype[Symbol.iterator] = it; return got && got[0] && got[0].Deno",
  ],
  ["a finalization callback", "const r = new FinalizationRegistry((v) => v); return r.Deno"],
  ["Intl's constructors", "return Intl.DateTimeFormat.constructor('return Deno')()"],
  ["Temporal's constructors", "return Temporal.Now.instant.constructor('return process')()"],
  [
    "the stack of an error, for paths",
    "return /\\/(root|home|tmp|usr|work)\\//.test(new Error().stack) ? new Error().stack : undefined",
  ],
  [
    "the text of a host function",
    "return /\\[native code\\]|=>|function|\\{/.test(String(fetch)) && /op_|rid|secret/.test(String(fetch)) ? String(fetch) : undefined",
  ],
];

/** Roads that are open, and lead nowhere. */
export const DEAD_ENDS: readonly (readonly [name: string, code: string])[] = [
  [
    "standard input by a stream with a resource's number",
    "const resource = Object.getOwnPropertySymbols(new Response('x').body).find((s) => String(s).includes('resourceBacking')); const read = (rid) => { const s = new ReadableStream(); s[resource] = { rid, autoClose: false }; return new Response(s).text().then((text) => 'read ' + rid + text, () => null) }; const late = new Promise((r) => setTimeout(r, 300, 'waits for what it may not read')); return await Promise.race([late, Promise.all([0, 1, 2, 3, 4, 5, 6, 7, 8].map(read)).then((all) => all.find(Boolean))])",
  ],
  [
    "the client of a request, by a getter on all objects",
    "let got; for (const k of ['body', 'method', 'headers', 'signal', 'window']) Object.defineProperty(Object.prototype, k, { configurable: true, get() { if (Object.hasOwn(this, 'client')) got = this }, set(value) { Object.defineProperty(this, k, { value, writable: true, enumerable: true, configurable: true }) } }); await fetch('http://127.0.0.1:9/').catch(() => {}); for (const k of ['body', 'method', 'headers', 'signal', 'window']) delete Object.prototype[k]; return got && 'the options of a request'",
  ],
];

/** Whatever can be reached is looked at, which takes a while. */
export const WALKS: readonly (readonly [name: string, code: string])[] = [
  [
    "everything that can be reached, one by one",
    walk(
      `const { createHash } = require("crypto"), { PassThrough } = require("stream");`,
      `require("crypto"), require("stream"), createHash("md5"), new PassThrough()`,
    ),
  ],
  [
    "everything that can be reached from a library with sockets",
    walk(
      `const pg = require("pg"), client = new pg.Client({ host: "127.0.0.1", port: 9 });
      client.connect().catch(() => {});`,
      `pg, client, client.connection, client.connection.stream, new pg.Pool()`,
    ),
  ],
];

export const MODULES: readonly string[] = [
  "fs",
  "node:fs",
  "fs/promises",
  "child_process",
  "node:process",
  "process",
  "worker_threads",
  "node:vm",
  "node:v8",
  "module",
  "net",
  "tls",
  "http",
  "dgram",
  "dns",
  "os",
  "inspector",
  "sqlite",
  "perf_hooks",
  "async_hooks",
  "constructor",
  "__proto__",
  "toString",
  "/etc/passwd",
  "../host.ts",
  "../../main.ts",
  "./../index.js/../../x",
  "file:///etc/passwd",
];

export const IMPORTS: readonly string[] = [
  "node:fs",
  "fs",
  "file:///etc/passwd",
  "/etc/passwd",
  "./host.ts",
  "data:text/javascript,export default 1",
  "npm:ms",
  "npm:is-odd@3.0.1",
  "jsr:@std/path",
  "http://127.0.0.1:9/x.js",
  "https://127.0.0.1:9/x.js",
  "blob:null/1",
  "ext:core/mod.js",
  "ioredis",
];

export const IMPORT_SPELLINGS:
  readonly (readonly [name: string, code: (name: string) => string])[] = [
    ["import()", (name) => `return await import(${name})`],
    [
      "import() in a Function",
      (name) => `return await new Function("n", "return import(n)")(${name})`,
    ],
    [
      "import() in eval",
      (name) => `return await (0, eval)("import(" + ${JSON.stringify(name)} + ")")`,
    ],
    ["import() as text", (name) => `return await import(${name}, { with: { type: "text" } })`],
    ["import() as JSON", (name) => `return await import(${name}, { with: { type: "json" } })`],
  ];
