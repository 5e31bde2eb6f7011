/**
 * The ways to where a plugin may not go once more, with each library loaded that it may import, and
 * by the connections of the library itself: listeners that count say that nothing arrived. All rows
 * of a library run in one process.
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { fence, pluginEvent, propertiesOf, type TestPlugin } from "../plugins/fence.ts";
import { detours, fetched, forbiddenAddresses, redirectTargets } from "./egress_tables.ts";

/**
 * Every library of the guide, and how one with connections makes one: the body of an async function
 * that sees `L`, `host`, `port` and `url`.
 */
const LIBRARIES: Readonly<Record<string, string | null>> = {
  "@posthog/plugin-scaffold": null,
  "@posthog/plugin-contrib": null,
  "node-fetch": "return (await L(url)).status",
  "crypto": null,
  "url": null,
  "zlib": null,
  "stream": null,
  "generic-pool": null,
  "jsonwebtoken": null,
  "faker": null,
  "pg": `const client = new L.Client({ host, port, connectionTimeoutMillis: 900 });
    client.on("error", () => {});
    await client.connect(); return "connected"`,
  "aws-sdk": `return await new L.S3({ endpoint: url, accessKeyId: "a", secretAccessKey: "b",
      s3ForcePathStyle: true, maxRetries: 0, httpOptions: { connectTimeout: 900, timeout: 900 } })
    .listBuckets().promise()`,
  "@google-cloud/storage": `return await new L.Storage({ projectId: "p", apiEndpoint: url,
      useAuthWithCustomEndpoint: false, retryOptions: { autoRetry: false } })
    .getBuckets()`,
  "@google-cloud/bigquery":
    `return await new L.BigQuery({ projectId: "p", apiEndpoint: url, token: "t",
      autoRetry: false }).getDatasets()`,
  "@google-cloud/pubsub": `return await new L.PubSub({ projectId: "p", emulatorMode: true,
      apiEndpoint: host.includes(":") ? "[" + host + "]:" + port : host + ":" + port })
    .topic("t").publish(Buffer.from("x"))`,
  "snowflake-sdk": `const connection = L.createConnection({ account: "a", username: "u",
      password: "p", accessUrl: url, retryTimeout: 1, sfRetryMaxLoginRetries: 1 });
    return await new Promise((resolve, reject) =>
      connection.connect((error) => error ? reject(error) : resolve("connected")))`,
};

/** Rows that change what all objects of the process are, to be tried when nothing else is left. */
const SPOILING = /prototype/;

interface Places {
  readonly granted: number;
  readonly port: number;
  readonly v6: number;
}

type Row = readonly [name: string, code: string];

function rows(own: string | null, { granted, port, v6 }: Places): readonly Row[] {
  const addresses = forbiddenAddresses({ granted, port, v6 });
  const targets = redirectTargets({ port, v6 });
  const ways = [
    ...addresses.map(([name, url]): Row => [name, fetched(url)]),
    ...detours({
      granted: `http://127.0.0.1:${granted}`,
      away: targets.port as string,
      redirects: Object.keys(targets),
    }),
  ];
  const byItself = own === null ? [] : addresses.flatMap(([name, url]): Row[] => {
    const [, host = "", at] = /^https?:\/\/\[?([^@\\]*?)\]?:(\d+)\/$/.exec(url) ?? [];
    if (at === undefined) return [];
    const places = JSON.stringify([host, Number(at), url.slice(0, -1)]);
    return [[`by itself: ${name}`, `const [host, port, url] = ${places}; ${own}`]];
  });
  return [...byItself, ...ways.filter(([name]) => !SPOILING.test(name))]
    .concat(ways.filter(([name]) => SPOILING.test(name)));
}

function traveller(library: string, places: Places, teamId: number): TestPlugin {
  const own = LIBRARIES[library] as string | null;
  const tries = rows(own, places).map(([name, code]) =>
    `[${JSON.stringify(name)}, async () => { ${code} }]`
  );
  const url = `http://127.0.0.1:${places.granted}`;
  return {
    name: library,
    teamId,
    grants: [`127.0.0.1:${places.granted}`],
    source: `
const L = require(${JSON.stringify(library)});
const later = (ms, value) => new Promise((done) => setTimeout(done, ms, value));
const attempt = async ([name, run]) => {
  let value;
  try { value = await Promise.race([run(), later(1_500, "")]) } catch { return [] }
  // What does not come to an end is judged by who listens.
  return value === "" ? [] : [name + ": " + String(value).slice(0, 200)];
};
exports.processEvent = async (event) => {
  const granted = await (await fetch(${JSON.stringify(`${url}/granted`)})).text();
  const [host, port, url] = ["127.0.0.1", ${places.granted}, ${JSON.stringify(url)}];
  await attempt(["where it may", async () => { ${own ?? ""} }]);
  const tries = [${tries.join(",\n")}];
  const reached = [];
  // Few at a time, as more requests are refused for their number.
  for (let at = 0; at < tries.length; at += 8) {
    reached.push(...(await Promise.all(tries.slice(at, at + 8).map(attempt))).flat());
  }
  return { ...event, properties: { ...event.properties, tried: tries.length, granted, reached } };
}`,
  };
}

/** Counts connections, and answers whatever comes as a web server that redirects by its paths. */
async function startListener(host: string, redirects: Readonly<Record<string, string>> = {}) {
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.once("data", (data) => {
      const to = redirects[/^\w+ \/(\w*)/.exec(String(data))?.[1] ?? ""];
      socket.end(
        to === undefined
          ? "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
          : `HTTP/1.1 302 Found\r\nlocation: ${to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

Deno.test("with no library loaded is anything reached that was not granted", async (t) => {
  await using listeners = new AsyncDisposableStack();
  const other = listeners.use(await startListener("127.0.0.1"));
  const v6 = listeners.use(await startListener("::1"));
  const targets = redirectTargets({ port: other.port, v6: v6.port });
  const names = Object.keys(LIBRARIES);
  const granted = await Promise.all(names.map(() => startListener("127.0.0.1", targets)));
  for (const each of granted) listeners.use(each);
  const plugins = names.map((name, index) => {
    const places = { granted: granted[index]?.port ?? 0, port: other.port, v6: v6.port };
    return traveller(name, places, index + 1);
  });
  await using running = fence(plugins, { taskTimeoutMs: 120_000, startsAtOnce: 2 });
  // All at once, as most of the time is waiting for what never comes.
  const runs = names.map((_, index) => running.run([pluginEvent(1)], index + 1));
  for (const [index, name] of names.entries()) {
    await t.step(name, async () => {
      const [properties] = propertiesOf(await runs[index] ?? []);
      assert.equal(properties?.granted, "hello", running.logText());
      assert.deepEqual(properties?.reached, []);
      assert.ok(Number(properties?.tried) > 60, String(properties?.tried));
      // One by fetch, one for each of the redirects, and one that the library makes itself.
      const least = Object.keys(targets).length + (LIBRARIES[name] === null ? 1 : 2);
      const connections = granted[index]?.connections() ?? 0;
      assert.ok(connections >= least, `${connections} connections to where it may`);
    });
  }
  assert.deepEqual([other.connections(), v6.connections()], [0, 0]);
});
