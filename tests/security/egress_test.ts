/** A plugin reaches the hosts it was granted, and no others: servers that count say so. */
import assert from "node:assert/strict";
import { type Attack, type AttackOutcome, checkAttack, runAttacks } from "./attack_server.ts";

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

const fetched = (url: string, init = "{}") => `
  const response = await fetch(${JSON.stringify(url)}, ${init});
  return response.status + " " + await response.text();`;

async function check(t: Deno.TestContext, outcomes: readonly AttackOutcome[]): Promise<void> {
  for (const outcome of outcomes) await t.step(outcome.attack.name, () => checkAttack(outcome));
}

Deno.test("what was not granted is not reached, however it is spelled", async (t) => {
  await using granted = countingServer();
  await using other = countingServer();
  await using v6 = countingServer(undefined, "::1");
  const grants = [`127.0.0.1:${granted.port}`];
  const port = other.port;
  const spellings: readonly (readonly [name: string, url: string])[] = [
    ["another port of a granted address", `http://127.0.0.1:${port}/`],
    ["a name of this machine", `http://localhost:${port}/`],
    ["a name of this machine, at a granted port", `http://localhost:${granted.port}/other`],
    ["a name with a dot at its end", `http://localhost.:${port}/`],
    ["a name below localhost", `http://x.localhost:${port}/`],
    ["loopback in IPv6", `http://[::1]:${v6.port}/`],
    ["loopback in IPv6, in full", `http://[0:0:0:0:0:0:0:1]:${v6.port}/`],
    ["IPv4 mapped into IPv6", `http://[::ffff:127.0.0.1]:${port}/`],
    ["IPv4 mapped into IPv6, in hex", `http://[::ffff:7f00:1]:${port}/`],
    ["IPv4 compatible IPv6", `http://[::127.0.0.1]:${port}/`],
    ["IPv4 by NAT64", `http://[64:ff9b::7f00:1]:${port}/`],
    ["IPv4 by local NAT64", `http://[64:ff9b:1::7f00:1]:${port}/`],
    ["IPv4 by 6to4", `http://[2002:7f00:1::]:${port}/`],
    ["the address of everything", `http://0.0.0.0:${port}/`],
    ["the address of everything in IPv6", `http://[::]:${v6.port}/`],
    ["a decimal address", `http://2130706433:${port}/`],
    ["a hexadecimal address", `http://0x7f000001:${port}/`],
    ["an octal address", `http://0177.0.0.1:${port}/`],
    ["a short address", `http://127.1:${port}/`],
    ["another loopback address", `http://127.1.2.3:${port}/`],
    ["full-width digits", `http://１２７.0.0.1:${port}/`],
    ["ideographic dots", `http://127。0。0。1:${port}/`],
    ["an encoded host", `http://%31%32%37.0.0.1:${port}/`],
    ["credentials that look like a host", `http://127.0.0.1:${granted.port}@127.0.0.1:${port}/`],
    ["a fragment that looks like a host", `http://127.0.0.1:${port}/#@127.0.0.1:${granted.port}`],
    ["a backslash", `http://127.0.0.1:${port}\\@127.0.0.1:${granted.port}/`],
    ["a tab in the host", `http://127.0.0.1\t:${port}/`],
    ["no port", "http://127.0.0.1/"],
    ["TLS", `https://127.0.0.1:${port}/`],
    ["cloud metadata", "http://169.254.169.254/latest/meta-data/"],
    ["cloud metadata in IPv6", "http://[fd00:ec2::254]/latest/meta-data/"],
    ["a link-local address", "http://[fe80::1]/"],
    ["a private address", "http://10.0.0.1/"],
    ["a private IPv6 address", "http://[fd12:3456::1]/"],
    ["carrier NAT", "http://100.64.0.1/"],
    ["a public address", "http://1.1.1.1/"],
    ["a public name", "http://example.com/"],
    ["a file", "file:///etc/passwd"],
    ["a websocket address", `ws://127.0.0.1:${port}/`],
    ["another scheme", `ftp://127.0.0.1:${port}/`],
    ["a blob", "blob:http://127.0.0.1/1"],
    ["the gateway itself", "http://127.77.0.1:80/"],
  ];
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
  const targets: Record<string, string> = {
    port: `http://127.0.0.1:${target.port}/t`,
    name: `http://localhost:${target.port}/t`,
    v6: `http://[::1]:${v6.port}/t`,
    mapped: `http://[::ffff:127.0.0.1]:${target.port}/t`,
    metadata: "http://169.254.169.254/",
    file: "file:///etc/passwd",
  };
  await using granted = countingServer((request) => {
    const to = targets[new URL(request.url).pathname.slice(1)];
    if (to !== undefined) return new Response(null, { status: 302, headers: { location: to } });
    return new Response(JSON.stringify([...request.headers.keys()]));
  });
  const url = `http://127.0.0.1:${granted.port}`;
  const away = JSON.stringify(targets.port);
  const grants = [`127.0.0.1:${granted.port}`];
  const tricks: readonly (readonly [name: string, code: string])[] = [
    ...Object.keys(targets).map((to) => [`a redirect to ${to}`, fetched(`${url}/${to}`)] as const),
    ["a redirect that keeps its method", fetched(`${url}/port`, "{ method: 'POST', body: 'x' }")],
    ["a request object", `return (await fetch(new Request(${away}))).status`],
    ["a URL object", `return (await fetch(new URL(${away}))).status`],
    [
      "a text that is another at each look",
      `let n = 0; await fetch({ toString: () => n++ ? ${away} : "${url}" }); throw new Error("where the counters say")`,
    ],
    [
      "a proxy of a request",
      `await fetch(new Proxy(new Request("${url}"), { get: (o, k) => k === "url" ? ${away} : Reflect.get(o, k) })); throw new Error("where the counters say")`,
    ],
    [
      "a request whose url is another's",
      `const r = new Request("${url}"); Object.defineProperty(r, "url", { value: ${away} }); const { url } = await fetch(r); if (url.startsWith("${url}")) throw new Error("went where it was granted"); return url`,
    ],
    ["a client of its own", `return (await fetch(${away}, { client: { rid: 3 } })).status`],
    [
      "a client from the options' prototype",
      `return (await fetch(${away}, Object.create({ client: undefined }))).status`,
    ],
    [
      "a client by a polluted prototype",
      `Object.defineProperty(Object.prototype, "client", { get: () => undefined, set() {} }); return (await fetch(${away})).status`,
    ],
    [
      "the constructor of fetch",
      `return (await fetch.constructor("return fetch")()(${away})).status`,
    ],
    ["fetch of another realm", `return (await Function("return this")().fetch(${away})).status`],
    ["node-fetch", `return (await require("node-fetch")(${away})).status`],
    [
      "a connection by node:net",
      `require("net").connect(${target.port}, "127.0.0.1"); return "connected"`,
    ],
    ["a request by node:http", `require("http").get(${away}); return "sent"`],
    ["a look-up by node:dns", `return await require("dns").promises.lookup("localhost")`],
    [
      "a datagram by node:dgram",
      `require("dgram").createSocket("udp4").send("x", ${target.port}); return "sent"`,
    ],
    ["a websocket", `return new WebSocket("ws://127.0.0.1:${target.port}").url`],
    ["an event source", `return new EventSource(${away}).url`],
    ["a beacon", `return navigator.sendBeacon(${away})`],
    ["an import", `return await import(${away})`],
    ["a worker", `return new Worker(${away})`],
    ["wasm by streaming", `return await WebAssembly.compileStreaming(fetch(${away}))`],
    ["Deno.connect", `return await Deno.connect({ port: ${target.port} })`],
    ["a host after a line feed", fetched(`${url}/`, `{ headers: { "x": "a\\r\\nHost: evil" } }`)],
  ];
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
