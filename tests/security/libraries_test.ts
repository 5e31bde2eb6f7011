/**
 * The attacks once more, with each library loaded: what a library brings with it, and what its live
 * objects lead to, gives no power either. All attacks of a library run in one process.
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { fence, pluginEvent, propertiesOf, type TestPlugin } from "../plugins/fence.ts";
import {
  DEAD_ENDS,
  GLOBALS,
  IMPORT_SPELLINGS,
  IMPORTS,
  MODULES,
  ROADS,
  walk,
} from "./attack_tables.ts";

type Attempt = readonly [name: string, code: string];

interface LiveLibrary {
  /** Makes the objects; `port` is that of a granted server. */
  readonly setup?: string;
  /** Expressions for them. */
  readonly live: string;
  /** Names of functions of its own that have no more than the name of a power. */
  readonly harmless?: RegExp;
  /** Whether connections are open, from which a plugin may read what is its own. */
  readonly isConnected?: boolean;
}

/** Name → its objects. */
const LIBRARIES: Readonly<Record<string, LiveLibrary>> = {
  "@posthog/plugin-contrib": {
    setup: "const buffer = L.createBuffer({ limit: 10, timeoutSeconds: 60, onFlush() {} });",
    live: "buffer",
  },
  "generic-pool": {
    setup: "const pool = L.createPool({ create: async () => ({}), destroy: async () => {} });",
    live: "pool, await pool.acquire()",
  },
  "jsonwebtoken": { live: "L.decode(L.sign({}, 'k'), { complete: true })" },
  "faker": { live: "L.helpers, L.datatype" },
  "zlib": {
    live: "L.createGzip(), L.createBrotliDecompress()",
    // They write to a compressor's memory.
    harmless: /^writeSync$/,
  },
  "pg": {
    setup:
      `const client = new L.Client({ host: "127.0.0.1", port, ssl: { rejectUnauthorized: false } });
      client.on("error", () => {});
      client.connect().catch(() => {});
      const plain = client.connection.stream;
      for (let i = 0; i < 100 && client.connection.stream === plain; i++) await sleep(20);
      const pool = new L.Pool({ host: "127.0.0.1", port });
      globalThis.reconnect = () => new L.Client({ host: "127.0.0.1", port, connectionTimeoutMillis: 200 }).connect();`,
    live: "client, plain, client.connection, client.connection.stream, pool",
    isConnected: true,
  },
  "aws-sdk": {
    setup: `const s3 = new L.S3({ endpoint: "http://127.0.0.1:" + port, accessKeyId: "a",
        secretAccessKey: "b", s3ForcePathStyle: true, maxRetries: 0 });
      const request = s3.putObject({ Bucket: "b", Key: "k", Body: "x" });
      request.on("error", () => {});
      request.send();
      for (let i = 0; i < 100 && !request.httpRequest.stream; i++) await sleep(20);
      const { stream } = request.httpRequest;
      globalThis.reconnect = () => s3.getObject({ Bucket: "b", Key: "k" }).promise();`,
    live: "s3, request, stream, stream.agent, stream.socket",
    isConnected: true,
  },
  "@google-cloud/storage": { live: "new L.Storage({ projectId: 'p' }).bucket('b').file('f')" },
  "@google-cloud/bigquery": { live: "new L.BigQuery({ projectId: 'p' }).dataset('d').table('t')" },
  "@google-cloud/pubsub": {
    setup: `const topic = new L.PubSub({ projectId: "p", apiEndpoint: "127.0.0.1:" + port,
        emulatorMode: true }).topic("t");
      topic.publish(Buffer.from("x")).catch(() => {});`,
    live: "topic",
    harmless: /^(open|exitIdle)$/,
    isConnected: true,
  },
  "snowflake-sdk": {
    live: "L.createConnection({ account: 'a', username: 'u', password: 'p' })",
  },
};

/** What the attacks have to come across, or they would prove nothing. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "pg": ["Socket", "TLSSocket", "a handle"],
  "aws-sdk": ["Agent", "Socket"],
};

/** Roads that begin at sockets and their relatives; `live` are the library's objects. */
const SOCKETS: readonly Attempt[] = [
  [
    "a file descriptor in a socket's class",
    `return await each(classes(live), (Class) => {
       for (let fd = 0; fd < 12; fd++) {
         try { const socket = new Class({ fd, readable: true, writable: true }); socket.on?.("error", () => {});
           if (socket._handle) { socket.write?.("forged"); return Class.name + " " + fd } } catch {}
       }
     })`,
  ],
  [
    "a file descriptor in a handle",
    `return await each(handles(live), (handle) => {
       for (let at = handle; at; at = Object.getPrototypeOf(at)) {
         for (let fd = 0; fd < 12; fd++) {
           try { if (at.open(fd) === 0) return "open " + fd } catch {}
           try { const other = new at.constructor(0); if (other.open(fd) === 0) return "constructor " + fd } catch {}
         }
       }
     })`,
  ],
  [
    "a native connection past the gateway",
    `return await each(classes(live), async (Class) => {
       for (const target of [{ host: "127.0.0.1", port: other }, { path: "/tmp/x" }]) {
         try {
           const socket = Reflect.construct(Class, [{}]);
           if (typeof socket.connect !== "function") return;
           const ended = new Promise((done) => { socket.on("error", () => done(false)); socket.on("connect", () => done(true)) });
           socket.connect(target);
           if (await Promise.race([ended, sleep(300)])) return Class.name;
         } catch {}
       }
     })`,
  ],
  [
    "a handle that connects",
    `return await each(handles(live), (handle) => {
       for (const name of ["connect", "connect6", "bind", "listen"]) {
         for (let at = handle; at; at = Object.getPrototypeOf(at)) {
           try { if (at[name]?.({ oncomplete() {} }, "127.0.0.1", other) === 0) return name } catch {}
         }
       }
     })`,
  ],
  [
    "a server",
    `return await each(classes(live), async (Class) => {
       try { const server = new Class(); server.on?.("error", () => {}); server.listen(0); await sleep(50);
         if (server.address()?.port) return Class.name } catch {}
     })`,
  ],
  [
    "an agent that connects elsewhere",
    `return await each(live.filter((each) => typeof each?.createConnection === "function"), async (agent) => {
       for (const options of [
         { host: "127.0.0.1", port: other }, { host: "localhost", port: other }, { port: other },
         { host: "127.0.0.1", port: other, lookup: (_n, _o, done) => done(null, "127.0.0.1", 4) },
         { host: "127.0.0.1:" + port + " HTTP/1.1\\r\\nx: ", port: other }, { socketPath: "/tmp/x" },
       ]) {
         const socket = agent.createConnection(options);
         const ended = new Promise((done) => { socket.on("error", () => done(false)); socket.on("connect", () => done(true)) });
         if (await Promise.race([ended, sleep(300)])) return JSON.stringify(options);
       }
     })`,
  ],
  [
    "a connection of Deno's, by a getter on all objects",
    `if (typeof reconnect !== "function") return;
     let got; Object.defineProperty(Object.prototype, "then", { configurable: true,
       get() { for (const each of [this, this.connection]) if (typeof each?.closeWrite === "function") got = each } });
     try { await Promise.race([reconnect(), sleep(400)]); await sleep(100) } catch {} finally { delete Object.prototype.then }
     return got && "a connection"`,
  ],
  [
    "the gateway's secret, by functions that text goes through",
    `if (typeof reconnect !== "function") return;
     let got; const spy = (target, name) => { const was = target[name];
       target[name] = function (...args) { for (const arg of args) if (/Proxy-Auth|^plugin:/.test(String(arg))) got = name; return was.apply(this, args) };
       return () => target[name] = was };
     const undo = [spy(Buffer, "from"), spy(Buffer, "concat"), spy(TextEncoder.prototype, "encode"), spy(Array.prototype, "join"), spy(String.prototype, "concat")];
     try { await Promise.race([reconnect(), sleep(400)]) } catch {} finally { for (const each of undo) each() }
     return got`,
  ],
  [
    "a stand-in that can be changed",
    `for (const name of ["Deno", "process", "performance"]) {
       if (!(name in globalThis)) continue;
       if (!Object.isFrozen(globalThis[name])) return name;
       try { Object.defineProperty(globalThis, name, { value: {} }); return name + " was defined" } catch {}
       globalThis[name] = {}; if (Object.keys(globalThis[name]).length === 0) return name + " was set";
     }`,
  ],
  [
    "a stand-in with more than was meant",
    `const known = {
       Deno: ["build", "errors"],
       process: ["nextTick", "emitWarning", "env", "platform", "version", "versions", "noDeprecation", "emit"],
       performance: ["now", "timeOrigin"],
     };
     for (const [name, keys] of Object.entries(known)) {
       const more = Reflect.ownKeys(globalThis[name] ?? {}).filter((key) => !keys.includes(key));
       if (more.length > 0 || Object.getPrototypeOf(globalThis[name] ?? Object.create(null))) return name + " " + more.map(String);
     }`,
  ],
];

/** For the plugin: finds classes and handles by going along prototypes and members. */
const FINDERS = `
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const each = async (list, run) => {
    for (const one of list) { const found = await run(one); if (found) return found }
  };
  const near = (roots) => {
    const seen = new Set(); let left = [...roots];
    for (let depth = 0; depth < 4; depth++) {
      const next = [];
      for (const value of left) {
        if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) continue;
        seen.add(value);
        next.push(Object.getPrototypeOf(value));
        for (const key of Reflect.ownKeys(value)) { try { next.push(value[key]) } catch {} }
        if (seen.size > 20000) return [...seen];
      }
      left = next;
    }
    return [...seen];
  };
  const classes = (roots) => near(roots).filter((value) =>
    typeof value === "function" && /Socket|Stream|Server|Agent|Duplex|Wrap/.test(value.name));
  const handles = (roots) => near(roots).flatMap((value) => {
    try { return [value._handle, value._handle?._parent].filter(Boolean) } catch { return [] }
  });`;

const attempts = (library: string, { harmless, isConnected }: LiveLibrary): readonly Attempt[] => [
  ...GLOBALS.map((
    name,
  ): Attempt => [`global ${name}`, `return typeof ${name} === "undefined" ? undefined : ${name}`]),
  ...ROADS,
  ...DEAD_ENDS.filter(([name]) => !isConnected || !name.startsWith("standard input")),
  ...MODULES.filter((name) => name !== library)
    .map((name): Attempt => [`require ${name}`, `return require(${JSON.stringify(name)})`]),
  ...IMPORT_SPELLINGS.flatMap(([spelling, code]) =>
    IMPORTS.map((name): Attempt => [`${spelling} of ${name}`, code(JSON.stringify(name))])
  ),
  ...SOCKETS,
  ["everything that can be reached, one by one", walk("", "...live", harmless)],
];

function attacker(library: string, port: number, other: number, teamId: number): TestPlugin {
  const given = LIBRARIES[library] as LiveLibrary;
  const { setup = "", live } = given;
  const tries = attempts(library, given).map(([name, code]) =>
    `[${JSON.stringify(name)}, async () => { ${code} }]`
  );
  return {
    name: library,
    teamId,
    grants: [`127.0.0.1:${port}`],
    source: `
const L = require(${JSON.stringify(library)});
exports.processEvent = async (event, meta) => {
  const [port, other] = [${port}, ${other}];
  ${FINDERS}
  // What Deno's own code looks at has names of the old powers, and none of them.
  const standIns = [globalThis.Deno, globalThis.process, globalThis.performance, globalThis.setImmediate];
  const isStandIn = (value) => standIns.includes(value) || value === Function.prototype.call ||
    standIns[0] !== undefined && (value === "Deno" || value === "process");
  const live = await (async () => { ${setup} return [L, ...Object.values(L), ${live}] })();
  const reached = [];
  const tries = [${tries.join(",\n")}];
  for (const [name, attempt] of tries) {
    let value;
    try { value = await attempt() } catch { continue }
    if (value === undefined || value === null || value === false || isStandIn(value)) continue;
    reached.push(name + ": " + String(value).slice(0, 200));
  }
  const found = [...classes(live).map(({ name }) => name), handles(live).length > 0 && "a handle"];
  return { ...event, properties: { ...event.properties, tried: tries.length, reached, found } };
}`,
  };
}

/** Answers whoever asks for TLS as Postgres does, and counts connections. */
async function startListener() {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => {});
    socket.once("data", () => socket.write("S"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

Deno.test("no library leads back to power", async (t) => {
  await using granted = await startListener();
  await using other = await startListener();
  const names = Object.keys(LIBRARIES);
  const plugins = names.map((name, index) => attacker(name, granted.port, other.port, index + 1));
  await using running = fence(plugins, { taskTimeoutMs: 120_000, startsAtOnce: 2 });
  for (const [index, name] of names.entries()) {
    await t.step(name, async () => {
      const [properties] = propertiesOf(await running.run([pluginEvent(1)], index + 1));
      assert.deepEqual(properties?.reached, [], running.logText());
      assert.ok(Number(properties?.tried) > 200);
      const found = properties?.found as readonly string[];
      for (const expected of EXPECTED[name] ?? []) assert.ok(found.includes(expected), `${found}`);
    });
  }
  assert.equal(other.connections(), 0, "nothing went past the gateway");
  assert.ok(granted.connections() > 0, "libraries did connect where they may");
  assert.doesNotMatch(running.logText(), /broke the protocol|stopped/);
});
