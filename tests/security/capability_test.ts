/** From inside a plugin, by every known road: nothing but computing and the granted hosts. */
import { type Attack, testAttacks } from "./attack_server.ts";
import {
  DEAD_ENDS,
  GLOBALS,
  IMPORT_SPELLINGS,
  IMPORTS,
  MODULES,
  ROADS,
  WALKS,
} from "./attack_tables.ts";

const refused = (name: string, code: string): Attack => ({ name, code, expect: "refused" });

/** All of it in one process: each is tried, those that came to something are named. */
function together(name: string, codes: readonly (readonly [string, string])[]): Attack {
  const tries = codes.map(([each, code]) => `[${JSON.stringify(each)}, async () => { ${code} }]`)
    .join(",\n");
  return {
    name,
    code: `const reached = [];
      for (const [name, attempt] of [${tries}]) {
        let value;
        try { value = await attempt() } catch { continue }
        if (value !== undefined && value !== null && value !== false) reached.push(name);
      }
      return "tried ${codes.length}, reached " + reached.join(" | ");`,
    expect: new RegExp(`^returned tried ${codes.length}, reached $`),
  };
}

/** Work on another thread, which no deadline would end. */
const BUSY_THREADS: readonly (readonly [name: string, code: string])[] = [
  [
    "a derivation of Web Crypto without end",
    `const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
     return await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 2 ** 31 - 1 }, key, 256)`,
  ],
  [
    "a derivation whose parameter is another at each look",
    `const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
     let n = 0; const tricky = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), get iterations() { return n++ ? 2 ** 31 - 1 : 1 } };
     await crypto.subtle.deriveBits(tricky, key, 256); return n > 1`,
  ],
  [
    "a key of Web Crypto that takes minutes",
    `return await crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign"])`,
  ],
];

const CONTROLS: readonly Attack[] = [
  {
    name: "control: it computes",
    code:
      "return [1, 2, 3].map((n) => n * 2).join() + new URL('http://a/b').pathname + Buffer.from('x').toString('hex')",
    expect: /^returned 2,4,6\/b78$/,
  },
  {
    name: "control: its own files and the provided modules",
    code: "return typeof require('url').URL + typeof require('buffer').Buffer.from",
    expect: /^returned functionfunction$/,
  },
  {
    name: "control: storage and timers",
    code:
      "await meta.storage.set('k', 1); await new Promise((r) => setTimeout(r, 1)); return String(await meta.storage.get('k'))",
    expect: /^returned 1$/,
  },
  {
    name: "control: Web Crypto computes",
    code:
      "return Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(0))).toString('hex').slice(0, 8)",
    expect: /^returned e3b0c442$/,
  },
  {
    name: "control: a new Function computes",
    code: "return String(new Function('a', 'return a + 1')(1))",
    expect: /^returned 2$/,
  },
];

testAttacks("no road leads back to power", [
  ...CONTROLS,
  ...GLOBALS.map((name) =>
    refused(`global ${name}`, `return typeof ${name} === "undefined" ? undefined : ${name}`)
  ),
  ...ROADS.map(([name, code]) => refused(name, code)),
  ...DEAD_ENDS.map(([name, code]): Attack => ({ name, code, expect: /^returned undefined$/ })),
  ...BUSY_THREADS.map(([name, code]) => refused(name, code)),
  {
    name: "a derivation of node:crypto without end",
    code:
      `return await new Promise((done) => require("crypto").pbkdf2("a", "b", 2 ** 31 - 1, 64, "sha512", done))`,
    expect: "fails",
  },
  ...MODULES.map((name) => refused(`require ${name}`, `return require(${JSON.stringify(name)})`)),
  ...IMPORT_SPELLINGS.map(([spelling, code]) =>
    together(
      `${spelling} of every scheme`,
      IMPORTS.map((name) => [name, code(JSON.stringify(name))] as const),
    )
  ),
  {
    name: "an array setter",
    code:
      "let got; Object.defineProperty(Array.prototype, '0', { set(v) { got = v }, configurable: true }); const p = meta.storage.get('x'); delete Array.prototype[0]; await p.catch(() => {}); return got && got.postMessage",
    expect: "contained",
  },
  {
    name: "a static import",
    source: `import fs from "node:fs";
      export function processEvent(event) { event.properties.text = fs.readdirSync("/"); return event }`,
    expect: "harmless",
  },
  {
    name: "a static import of a file as text",
    source: `import text from "file:///etc/passwd" with { type: "text" };
      export function processEvent(event) { event.properties.text = text; return event }`,
    expect: "harmless",
  },
], { atOnce: 20, env: { PLUGIN_IDLE_SECONDS: "2" } });

testAttacks(
  "nothing that can be reached has power",
  WALKS.map(([name, code]): Attack => ({ name, code, expect: /^returned undefined$/ })),
  { env: { TASK_TIMEOUT: "30", PLUGIN_HEAP_MB: "256" } },
);
