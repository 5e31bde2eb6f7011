/** A plugin reaches the hosts it was granted, and no others: servers that count say so. */
import assert from "node:assert/strict";
import { type Attack, type AttackOutcome, checkAttack, runAttacks } from "./attack_server.ts";
import { detours, fetched, forbiddenAddresses, redirectTargets } from "./egress_tables.ts";

/** A server on this machine that counts what arrives. */
function countingServer(
  respond: (request: Request) => Response | Promise<Response> = () => new Response("hello"),
  hostname = "127.0.0.1",
) {
  const seen: string[] = [];
  const server = Deno.serve({ hostname, port: 0, onListen: () => {} }, (request) => {
    seen.push(`${request.method} ${new URL(request.url).pathname}`);
    return respond(request);
  });
  const { port } = server.addr as Deno.NetAddr;
  return { seen, port, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** Counts connections, whatever is said on them, and keeps the first byte of each. */
function countingListener() {
  const first: number[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const done = (async () => {
    for await (const connection of listener) {
      const chunk = new Uint8Array(1);
      await connection.read(chunk).catch(() => {});
      first.push(chunk[0] ?? 0);
      connection.close();
    }
  })();
  return {
    first,
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

async function check(t: Deno.TestContext, outcomes: readonly AttackOutcome[]): Promise<void> {
  for (const outcome of outcomes) await t.step(outcome.attack.name, () => checkAttack(outcome));
}

Deno.test("what was not granted is not reached, however it is spelled", async (t) => {
  await using granted = countingServer();
  await using other = countingServer();
  await using v6 = countingServer(undefined, "::1");
  const grants = [`127.0.0.1:${granted.port}`];
  const port = other.port;
  const spellings = forbiddenAddresses({ granted: granted.port, port, v6: v6.port });
  const attacks: Attack[] = [
    {
      name: "control: a granted host",
      code: fetched(`http://127.0.0.1:${granted.port}/granted`),
      grants,
      expect: /^returned 200 hello$/,
    },
    ...spellings.map(([name, url]): Attack => ({
      name,
      code: fetched(url),
      grants,
      expect: /^threw /,
    })),
    ...spellings.slice(0, 3).map(([name, url]): Attack => ({
      name: `${name}, without any grant`,
      code: fetched(url),
      expect: /^threw fetch failed: .* was not granted.*paddock plugins grant \d+ /,
    })),
  ];
  const outcomes = await runAttacks(attacks, { atOnce: 10 });
  await check(t, outcomes);
  assert.deepEqual(granted.seen, ["GET /granted"]);
  assert.deepEqual([other.seen, v6.seen], [[], []]);
  const refused = outcomes.find(({ attack }) =>
    attack.name === "another port of a granted address"
  );
  assert.match(
    refused?.log ?? "",
    new RegExp(
      `refused to reach 127.0.0.1:${port}: .*paddock plugins grant \\d+ 127.0.0.1:${port}`,
    ),
  );
});

Deno.test("a name that was granted does not lead to a private address", async (t) => {
  await using v4 = countingServer();
  await using v6 = countingServer(undefined, "::1");
  await using raw = countingListener();
  const named = (name: string, host: string, port: number, grant: string): Attack => ({
    name,
    code: fetched(`http://${host}:${port}/`),
    // Nobody can grant these by command; they stand for public names that resolve so.
    grants: [grant],
    expect: /^threw fetch failed: .* was (refused|not granted)/,
  });
  const attacks: Attack[] = [
    named("a name that resolves to 127.0.0.1", "localhost", v4.port, `localhost:${v4.port}`),
    named("the same, granted for every port", "localhost", v4.port, "localhost"),
    named("a name below a wildcard", "x.localhost", v4.port, "*.localhost"),
    named("the machine's own name", Deno.hostname(), v4.port, Deno.hostname()),
    {
      name: "TLS to a name that resolves to 127.0.0.1",
      code: fetched(`https://localhost:${raw.port}/`),
      grants: [`localhost:${raw.port}`],
      expect: /^threw /,
    },
    ...["http://127.0.0.1", "http://localhost", "http://[::ffff:127.0.0.1]"].map((
      start,
    ): Attack => ({
      name: `every public host: ${start}`,
      code: fetched(`${start}:${v4.port}/`),
      grants: ["*"],
      expect: /^threw /,
    })),
    {
      name: "every public host: http://[::1]",
      code: fetched(`http://[::1]:${v6.port}/`),
      grants: ["*"],
      expect: /^threw /,
    },
    {
      name: "control: the very IPv6 address was granted",
      code: fetched(`http://[::1]:${v6.port}/control`),
      grants: [`[::1]:${v6.port}`],
      expect: /^returned 200 hello$/,
    },
    {
      name: "control: TLS goes through to a granted address",
      code: fetched(`https://127.0.0.1:${raw.port}/`),
      grants: [`127.0.0.1:${raw.port}`],
      expect: /^threw /,
    },
  ];
  await check(t, await runAttacks(attacks, { atOnce: 10 }));
  assert.deepEqual(v4.seen, []);
  assert.deepEqual(v6.seen, ["GET /control"]);
  assert.deepEqual(raw.first, [0x16], "one TLS handshake, the control's");
});

Deno.test("no detour: redirects, requests, headers, options", async (t) => {
  await using target = countingServer();
  await using v6 = countingServer(undefined, "::1");
  const targets = redirectTargets({ port: target.port, v6: v6.port });
  await using granted = countingServer((request) => {
    const to = targets[new URL(request.url).pathname.slice(1)];
    if (to !== undefined) return new Response(null, { status: 302, headers: { location: to } });
    return new Response(JSON.stringify([...request.headers.keys()]));
  });
  const url = `http://127.0.0.1:${granted.port}`;
  const grants = [`127.0.0.1:${granted.port}`];
  const tricks = detours({
    granted: url,
    away: targets.port as string,
    redirects: Object.keys(targets),
  });
  const attacks: Attack[] = [
    { name: "control: a granted host", code: fetched(`${url}/x`), grants, expect: /^returned 200/ },
    {
      name: "the gateway's secret stays with the gateway",
      code: fetched(`${url}/x`, `{ headers: { "proxy-authorization": "Basic eDp5" } }`),
      grants,
      expect: /^returned 200 (?!.*proxy)/,
    },
    ...tricks.map(([name, code]): Attack => ({ name, code, grants, expect: /^threw / })),
  ];
  await check(t, await runAttacks(attacks, { atOnce: 8 }));
  assert.deepEqual([target.seen, v6.seen], [[], []]);
});

Deno.test("a request that loses its client does not lose the gateway", async (t) => {
  // An IPv6 address, as Deno itself would let a request for one that was granted through.
  await using granted = countingServer(undefined, "::1");
  const url = `http://[::1]:${granted.port}`;
  const grants = [`[::1]:${granted.port}`];
  const inner = `const inner = Object.getOwnPropertySymbols(new Request("http://x/"))
    .find((symbol) => String(symbol) === "Symbol(request)");`;
  const lost = (name: string, code: string): Attack => ({
    name,
    code: `${inner} ${code} return (await fetch("${url}/lost")).status`,
    grants,
    expect: /^threw fetch failed: .* was refused: its secret is not known/,
  });
  const attacks: Attack[] = [
    {
      name: "control: a granted address",
      code: fetched(`${url}/control`),
      grants,
      expect: /^returned 200 hello$/,
    },
    ...["headers", "signal"].map((name) =>
      lost(
        `taken off when the request's ${name} are looked at`,
        `const { get } = Object.getOwnPropertyDescriptor(Request.prototype, "${name}");
        Object.defineProperty(Request.prototype, "${name}", { get() { this[inner].clientRid = null; return get.call(this) } });`,
      )
    ),
    {
      name: "taken off by a getter on all objects",
      code: `for (const key of ["body", "method"]) {
          Object.defineProperty(Object.prototype, key, { configurable: true, get() { if (Object.hasOwn(this, "client")) this.client = undefined } });
        }
        return (await fetch("${url}/control")).status`,
      grants,
      expect: /^returned 200$/,
    },
  ];
  await check(t, await runAttacks(attacks));
  assert.deepEqual(granted.seen, ["GET /control", "GET /control"]);
});

Deno.test("what is granted has bounds: requests, time and volume", async (t) => {
  await using slow = countingServer(async () => {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return new Response("late");
  });
  await using wide = countingServer(() => new Response(new Uint8Array(700_000)));
  await using dripping = countingServer(() => {
    const drop = new Uint8Array(1);
    const drops = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        controller.enqueue(drop);
      },
    });
    return new Response(drops);
  });
  const attacks: Attack[] = [
    {
      name: "many requests at once",
      code:
        `const all = Array.from({ length: 30 }, () => fetch("http://127.0.0.1:${wide.port}/").then((r) => r.arrayBuffer()).then(() => "ok", (e) => e.message));
        return (await Promise.all(all)).filter((each) => each.includes("requests are in flight")).length > 0 ? "bounded" : "unbounded"`,
      grants: [`127.0.0.1:${wide.port}`],
      expect: /^returned bounded/,
    },
    {
      name: "a host that does not answer in time",
      code: fetched(`http://127.0.0.1:${slow.port}/`),
      grants: [`127.0.0.1:${slow.port}`],
      expect: /^threw .*(timed out|aborted)/i,
    },
    {
      name: "an answer without end, after all timers were cleared",
      code: `const asked = fetch("http://127.0.0.1:${dripping.port}/");
        for (let id = 0; id < 10_000; id++) clearTimeout(id);
        const reader = (await asked).body.getReader();
        const began = Date.now();
        while (Date.now() - began < 7_000) if ((await reader.read()).done) return "ended";
        return "without end"`,
      grants: [`127.0.0.1:${dripping.port}`],
      expect: /^(threw |returned ended)/,
    },
    {
      name: "more than a minute's volume",
      code:
        `for (let i = 0; i < 20; i++) await (await fetch("http://127.0.0.1:${wide.port}/")).arrayBuffer(); return "all"`,
      grants: [`127.0.0.1:${wide.port}`],
      expect: /^threw /,
    },
    {
      name: "control: within the bounds",
      code:
        `return String((await (await fetch("http://127.0.0.1:${wide.port}/")).arrayBuffer()).byteLength)`,
      grants: [`127.0.0.1:${wide.port}`],
      expect: /^returned 700000/,
    },
  ];
  const outcomes = await runAttacks(attacks, {
    env: {
      TASK_TIMEOUT: "10",
      PLUGIN_REQUESTS_IN_FLIGHT: "5",
      PLUGIN_REQUEST_SECONDS: "1",
      PLUGIN_TRAFFIC_MB_PER_MINUTE: "5",
    },
  });
  await check(t, outcomes);
  const logOf = (name: string) => outcomes.find(({ attack }) => attack.name === name)?.log ?? "";
  const refused = `refused to reach 127.0.0.1:${wide.port}`;
  assert.match(
    logOf("many requests at once"),
    new RegExp(`${refused}: too many requests .* bound is PLUGIN_REQUESTS_IN_FLIGHT`),
  );
  assert.match(
    logOf("more than a minute's volume"),
    new RegExp(`${refused}: over 5\\d+ bytes a minute.* bound is PLUGIN_TRAFFIC_MB_PER_MINUTE`),
  );
});
