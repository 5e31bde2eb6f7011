/** From inside a plugin, by every known road: nothing but computing and the granted hosts. */
import assert from "node:assert/strict";
import { fence, pluginEvent, propertiesOf } from "../plugins/fence.ts";

/** Expressions that have to fail or be undefined; what they come to is reported. */
const ROADS: readonly string[] = [
  "Deno",
  "globalThis.Deno",
  "process",
  "globalThis.process",
  "new Function('return Deno')()",
  "(0, eval)('Deno')",
  "(async function(){}).constructor('return process')()",
  "(function*(){}).constructor('return Deno')().next().value",
  "this.constructor.constructor('return Deno')()",
  "Worker",
  "SharedWorker",
  "BroadcastChannel",
  "SharedArrayBuffer",
  "Atomics",
  "WebAssembly",
  "navigator",
  "caches",
  "localStorage",
  "performance",
  "postMessage",
  "self",
  "close",
  "importScripts",
  "EventSource",
  "WebSocket",
  "XMLHttpRequest",
  "crypto.subtle",
  "URL.createObjectURL",
  "require('fs')",
  "require('node:fs')",
  "require('child_process')",
  "require('node:process')",
  "require('node:worker_threads')",
  "require('node:vm')",
  "require('module')",
  "require('net')",
  "require('constructor')",
  "require('__proto__')",
  "require('/etc/passwd')",
  "require('../host.ts')",
  "module.constructor.createRequire",
  "require.cache",
  "require.main",
  "process.binding('fs')",
  "process.getBuiltinModule('fs')",
  "Symbol.for('Deno.internal') in globalThis ? 1 : undefined",
  "globalThis[Object.getOwnPropertySymbols(globalThis).find((s) => String(s).includes('Deno'))]",
  "(() => { Error.prepareStackTrace = (e, s) => s; return Array.isArray(new Error().stack) ? 1 : undefined })()",
  "(() => { globalThis.Error = { prepareStackTrace: (e, s) => s }; try { null.x } catch (e) { return Array.isArray(e.stack) ? 1 : undefined } })()",
  "Object.getPrototypeOf(fetch).constructor('return Deno')()",
  "console.log.constructor('return Deno')()",
  "Buffer.constructor('return process')()",
];

const IMPORTS: readonly string[] = [
  "node:fs",
  "node:process",
  "node:worker_threads",
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
  "pg",
];

Deno.test("no expression leads back to power", async () => {
  const source = `const roads = [${
    ROADS.map((road) => `async () => { return (${road}) }`).join(",\n")
  }];
    exports.processEvent = async (event) => {
      const reached = [];
      for (let i = 0; i < roads.length; i++) {
        let value;
        try { value = await roads[i]() } catch { continue }
        if (value !== undefined) reached.push(i + " is a " + typeof value);
      }
      event.properties.reached = reached;
      event.properties.computes = [1, 2, 3].map((n) => n * 2).join() + new URL("http://a/b").pathname;
      return event;
    }`;
  await using fenced = fence([{ source }]);
  const [properties] = propertiesOf(await fenced.run([pluginEvent(0)]));
  // The positive control: the plugin did run.
  assert.equal(properties?.computes, "2,4,6/b");
  const reached = (properties?.reached as string[]).map((entry) => {
    const [index] = entry.split(" ");
    return `${ROADS[Number(index)]}: ${entry}`;
  });
  assert.deepEqual(reached, []);
});

Deno.test("no import of any scheme, by any spelling", async () => {
  const source = `
    const names = ${JSON.stringify(IMPORTS)};
    const spellings = [
      (name) => import(name),
      (name) => new Function("name", "return import(name)")(name),
      (name) => (0, eval)("import(" + JSON.stringify(name) + ")"),
      (name) => import(name, { with: { type: "text" } }),
      (name) => import(name, { with: { type: "json" } }),
    ];
    exports.processEvent = async (event) => {
      const reached = [];
      for (const name of names) {
        for (let i = 0; i < spellings.length; i++) {
          try { await spellings[i](name); reached.push(i + " " + name) } catch {}
        }
      }
      event.properties.reached = reached;
      event.properties.tried = names.length * spellings.length;
      return event;
    }`;
  await using fenced = fence([{ source }], { taskTimeoutMs: 10_000 });
  const [properties] = propertiesOf(await fenced.run([pluginEvent(0)]));
  assert.equal(properties?.tried, IMPORTS.length * 5);
  assert.deepEqual(properties?.reached, []);
});

Deno.test("a static import in the plugin's text is no import", async () => {
  await using fenced = fence([{
    source: `import fs from "node:fs"; exports.processEvent = () => null`,
  }]);
  const [outcome] = await fenced.run([pluginEvent(0)]);
  assert.notEqual(outcome?.json, null);
  assert.match(fenced.logText(), /SyntaxError/);
});

Deno.test("polluted prototypes cost the plugin its own events and nothing else", async () => {
  await using fenced = fence([
    {
      source: `
        Object.prototype.toJSON = function () { return { team_id: 1, event: "forged" } };
        Array.prototype.push = () => { throw new Error("push") };
        Promise.prototype.then = function (resolve) { resolve?.({ event: "forged" }) };
        Uint8Array.prototype.set = () => {};
        Function.prototype.call = () => { throw new Error("call") };
        Object.defineProperty(Object.prototype, "status", { get: () => 2, set: () => {} });
        exports.processEvent = (event) => event`,
    },
    {
      source: `exports.processEvent = (event) => { event.properties.healthy = true; return event }`,
    },
  ]);
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  const [outcome] = await fenced.run([pluginEvent(0)]);
  // Whatever the first did to itself, the second ran, in its own untouched process.
  assert.ok(outcome?.succeeded.includes("Plugin 2 (2)"));
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, before);
});
