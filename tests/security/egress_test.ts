/** A plugin reaches the hosts it was granted, and no others: servers that count say so. */
import assert from "node:assert/strict";
import { fence, pluginEvent, propertiesOf } from "../plugins/fence.ts";

/** A server on loopback that counts what arrives. */
function countingServer(respond: () => Response = () => new Response("hello")) {
  const seen: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    seen.push(new URL(request.url).pathname);
    return respond();
  });
  const { port } = server.addr as Deno.NetAddr;
  return { seen, port, [Symbol.asyncDispose]: () => server.shutdown() };
}

const FETCHING = `exports.processEvent = async (event, { config }) => {
  const answers = [];
  for (const url of config.urls) {
    try { const r = await fetch(url); answers.push(r.status + " " + await r.text()) }
    catch (error) { answers.push("refused " + error.name) }
  }
  event.properties.answers = answers;
  return event;
}`;

async function answersOf(urls: readonly string[], grants: readonly string[]): Promise<string[]> {
  await using fenced = fence([{ source: FETCHING, config: { urls }, grants }], {
    taskTimeoutMs: 10_000,
  });
  const [properties] = propertiesOf(await fenced.run([pluginEvent(0)]));
  return properties?.answers as string[];
}

Deno.test("a granted host answers; another port, name and address of the same machine do not", async () => {
  await using granted = countingServer();
  await using other = countingServer();
  const answers = await answersOf([
    `http://127.0.0.1:${granted.port}/granted`,
    `http://127.0.0.1:${other.port}/port`,
    `http://localhost:${other.port}/name`,
    `http://localhost:${granted.port}/name`,
    `http://[::1]:${other.port}/v6`,
    `http://0.0.0.0:${other.port}/zero`,
    `http://2130706433:${other.port}/decimal`,
    `http://0x7f.1:${other.port}/hex`,
    `http://[::ffff:127.0.0.1]:${other.port}/mapped`,
    "file:///etc/passwd",
  ], [`127.0.0.1:${granted.port}`]);
  assert.equal(answers[0], "200 hello");
  assert.ok(answers.slice(1).every((answer) => answer.startsWith("refused")), answers.join("; "));
  assert.deepEqual(granted.seen, ["/granted"]);
  assert.deepEqual(other.seen, []);
});

Deno.test("without a grant nothing is reached", async () => {
  await using server = countingServer();
  const answers = await answersOf([`http://127.0.0.1:${server.port}/x`], []);
  assert.deepEqual(answers, ["refused TypeError"]);
  assert.deepEqual(server.seen, []);
});

Deno.test("a granted host cannot redirect to one that is not", async () => {
  await using target = countingServer();
  await using granted = countingServer(() =>
    new Response(null, { status: 302, headers: { location: `http://127.0.0.1:${target.port}/t` } })
  );
  const answers = await answersOf(
    [`http://127.0.0.1:${granted.port}/start`],
    [`127.0.0.1:${granted.port}`],
  );
  assert.match(answers[0] ?? "", /^refused/);
  assert.deepEqual(granted.seen, ["/start"]);
  assert.deepEqual(target.seen, []);
});

Deno.test("a granted name that resolves to this machine is refused", async () => {
  await using server = countingServer();
  const answers = await answersOf(
    [`http://localhost:${server.port}/rebound`],
    [`localhost:${server.port}`],
  );
  assert.match(answers[0] ?? "", /^refused/);
  assert.deepEqual(server.seen, []);
});
