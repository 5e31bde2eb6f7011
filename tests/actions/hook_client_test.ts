import assert from "node:assert/strict";
import { HookClient } from "../../src/actions/hook_client.ts";
import { HookJobs } from "../../src/actions/hook_jobs.ts";
import { ReceiverLoads } from "../../src/actions/receiver_loads.ts";
import { startHookEndpoint } from "../services/hook_endpoint.ts";

const client = (...grants: string[]) => new HookClient({ grants, timeoutMs: 5_000 });

Deno.test("a private address is reached only if it was granted", async () => {
  await using endpoint = await startHookEndpoint();
  const { address, port, requests } = endpoint;
  const refusals = [
    [address, /not granted/],
    [`http://localhost:${port}`, /not public/],
    [`http://2130706433:${port}/`, /not granted/],
    [`http://0x7f.1:${port}/`, /not granted/],
    [`http://[::ffff:127.0.0.1]:${port}/`, /not granted/],
    ["http://169.254.169.254/latest/meta-data", /not granted/],
    ["file:///etc/passwd", /no address of http/],
    ["nothing", /no address of http/],
  ] as const;
  for (const [target, reason] of refusals) {
    const answer = await client("10.0.0.1").post(target, "{}");
    assert.equal(answer.kind, "refused", target);
    assert.match(answer.kind === "refused" ? answer.reason : "", reason, target);
  }
  assert.equal(requests.length, 0);
  assert.deepEqual(await client(`127.0.0.1:${port}`).post(`${address}/hook?a=1`, '{"ü":1}'), {
    kind: "answered",
    status: 200,
  });
  assert.deepEqual(requests, [
    { path: "/hook?a=1", contentType: "application/json", text: '{"ü":1}' },
  ]);
});

Deno.test("where nothing answers, that is said", async () => {
  await using endpoint = await startHookEndpoint();
  endpoint.answer(() => 0);
  const broken = await client("127.0.0.1").post(endpoint.address, "{}");
  assert.equal(broken.kind, "failed");
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const impatient = new HookClient({ grants: ["127.0.0.1"], timeoutMs: 100 });
  const { port } = silent.addr as Deno.NetAddr;
  assert.deepEqual(await impatient.post(`http://127.0.0.1:${port}`, "{}"), {
    kind: "failed",
    reason: "no answer within 0.1 s",
  });
  silent.close();
  const unknown = await client().post("http://name.invalid/", "{}");
  assert.equal(unknown.kind, "failed");
});

Deno.test("what becomes of a job, by what the receiver answers", async () => {
  await using endpoint = await startHookEndpoint();
  const removed: string[] = [];
  const jobs = new HookJobs(
    client("127.0.0.1"),
    { remove: (hookId) => Promise.resolve(void removed.push(hookId)) },
    { attempts: 3, firstWaitSeconds: 5 },
    100,
  );
  const job = (hookId: string | null) => ({
    type: hookId === null ? "webhook" : "REST hook",
    teamId: 2,
    actionId: 1,
    target: endpoint.address,
    hookId,
    body: "{}",
  });
  const verdict = async (status: number, hookId: string | null = null, attempt = 1) => {
    endpoint.answer(() => status);
    const result = await jobs.run(job(hookId), attempt);
    return result.isDone ? "done" : result.isDead ? "dead" : `again in ${result.waitSeconds} s`;
  };
  assert.equal(await verdict(200), "done");
  assert.equal(await verdict(204), "done");
  for (const status of [408, 429, 500, 503, 0]) {
    assert.equal(await verdict(status), "again in 5 s");
    assert.equal(await verdict(status, "h", 2), "again in 10 s");
  }
  // It answered, and would answer the same again.
  for (const status of [302, 400, 401, 404]) assert.equal(await verdict(status), "done");
  assert.equal(await verdict(410), "done");
  assert.deepEqual(removed, []);
  assert.equal(await verdict(410, "gone"), "done");
  assert.deepEqual(removed, ["gone"]);
  assert.equal(endpoint.requests.some(({ path }) => path === "/elsewhere"), false);
  const nonsense = await jobs.run({ type: "webhook" }, 1);
  assert.equal(!nonsense.isDone && nonsense.isDead, true);
});

Deno.test("a receiver that does not answer leaves the others room", async () => {
  await using alive = await startHookEndpoint();
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dead = `http://127.0.0.1:${(silent.addr as Deno.NetAddr).port}/`;
  const jobs = new HookJobs(
    new HookClient({ grants: ["127.0.0.1"], timeoutMs: 200 }),
    { remove: () => Promise.resolve() },
    { attempts: 10, firstWaitSeconds: 5 },
    8,
  );
  const run = async (target: string) => {
    const job = { type: "webhook", teamId: 2, actionId: 1, target, hookId: null, body: "{}" };
    const verdict = await jobs.run(job, 1);
    return verdict.isDone ? "done" : verdict.isCounted ? "tried" : "put off";
  };
  assert.equal(await run(dead), "tried");
  // It gets a quarter of what may be under way, the other as much as comes.
  const [slow, fast] = await Promise.all([
    Promise.all(Array.from({ length: 8 }, () => run(dead))),
    Promise.all(Array.from({ length: 8 }, () => run(alive.address))),
  ]);
  assert.deepEqual(slow.toSorted(), [...Array(6).fill("put off"), "tried", "tried"]);
  assert.deepEqual(fast, Array(8).fill("done"));
  silent.close();
});

Deno.test("a slow receiver has its share until it works again", async () => {
  const take = async (loads: ReceiverLoads, count: number, outcome: boolean) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const taken = Array.from(
      { length: count },
      () => loads.take("receiver", () => promise, (isFine) => isFine),
    );
    resolve(outcome);
    return (await Promise.all(taken)).filter((result) => result !== null).length;
  };
  const loads = new ReceiverLoads(2, 600_000);
  assert.equal(await take(loads, 5, true), 5);
  assert.equal(await take(loads, 5, false), 5);
  assert.equal(await take(loads, 5, false), 2);
  assert.equal(await loads.take("another", () => Promise.resolve(1), () => true), 1);
  assert.equal(await take(loads, 5, true), 2);
  assert.equal(await take(loads, 5, true), 5);
  const impatient = new ReceiverLoads(2, -1);
  assert.equal(await take(impatient, 5, true), 5);
  assert.equal(await take(impatient, 5, true), 2);
});
