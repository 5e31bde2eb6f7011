/** The gateway's process, asked by raw sockets. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { EgressGateway, type EgressPass } from "../../../src/plugins/egress/egress_gateway.ts";
import type { EgressRefusal } from "../../../src/plugins/egress/egress_gateway.ts";
import { eventually } from "../../services/eventually.ts";

const TERMS = { pluginId: 7, connections: 3, bytesPerMinute: 1e6, requestMs: 60_000 };

function echoServer(hostname = "127.0.0.1") {
  const listener = Deno.listen({ hostname, port: 0 });
  const done = (async () => {
    for await (const connection of listener) {
      connection.readable.pipeTo(connection.writable).catch(() => {});
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

async function say(pass: EgressPass, text: string): Promise<Deno.Conn> {
  const [hostname, port] = pass.gateway.split(":");
  const connection = await Deno.connect({ hostname: hostname as string, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

async function answer(connection: Deno.Conn): Promise<string> {
  const chunk = new Uint8Array(4096);
  const count = await connection.read(chunk).catch(() => null);
  return new TextDecoder().decode(chunk.subarray(0, count ?? 0));
}

const connectTo = (port: number, secret: string) =>
  `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nProxy-Authorization: Basic ${
    Buffer.from(`plugin:${secret}`).toString("base64")
  }\r\n\r\n`;

async function withGateway(
  run: (gateway: EgressGateway, refusals: EgressRefusal[]) => Promise<void>,
): Promise<void> {
  const refusals: EgressRefusal[] = [];
  const gateway = new EgressGateway((refusal) => refusals.push(refusal));
  try {
    await run(gateway, refusals);
  } finally {
    await gateway.stop();
  }
}

Deno.test("bytes go both ways to what was granted, and nowhere without the secret", async () => {
  await using echo = echoServer();
  await withGateway(async (gateway, refusals) => {
    const pass = await gateway.open({ ...TERMS, grants: [`127.0.0.1:${echo.port}`] });
    const tunnel = await say(pass, connectTo(echo.port, pass.secret));
    assert.match(await answer(tunnel), /^HTTP\/1\.1 200 /);
    await tunnel.write(new TextEncoder().encode("there and back"));
    assert.equal(await answer(tunnel), "there and back");
    tunnel.close();
    for (const secret of ["", "wrong", `${pass.secret}x`]) {
      const refused = await say(pass, connectTo(echo.port, secret));
      assert.match(await answer(refused), /^HTTP\/1\.1 407 /);
      refused.close();
    }
    assert.equal(refusals.length, 0, "nobody is to be told about a stranger");
    const elsewhere = await say(pass, connectTo(1, pass.secret));
    assert.match(
      await answer(elsewhere),
      /^HTTP\/1\.1 403 [^]*X-Paddock-Refused[^]*was not granted/,
    );
    elsewhere.close();
    await eventually(() => refusals.length === 1);
    const [refusal] = refusals;
    assert.deepEqual(
      [refusal?.pluginId, refusal?.host, refusal?.port, refusal?.reason],
      [7, "127.0.0.1", 1, "it was not granted"],
    );
    assert.deepEqual(refusal?.remedy, { grant: "127.0.0.1:1" });
  });
});

Deno.test("one plugin's pass is not another's; a revoked one ends its connections", async () => {
  await using echo = echoServer();
  await withGateway(async (gateway) => {
    const pass = await gateway.open({ ...TERMS, grants: [`127.0.0.1:${echo.port}`] });
    const other = await gateway.open({ ...TERMS, pluginId: 8, grants: ["api.example.com"] });
    const stranger = await say(other, connectTo(echo.port, other.secret));
    assert.match(await answer(stranger), /^HTTP\/1\.1 403 /);
    stranger.close();
    const tunnel = await say(pass, connectTo(echo.port, pass.secret));
    assert.match(await answer(tunnel), /^HTTP\/1\.1 200 /);
    gateway.revoke(pass);
    assert.equal(await answer(tunnel), "");
    tunnel.close();
    const late = await say(pass, connectTo(echo.port, pass.secret));
    assert.match(await answer(late), /^HTTP\/1\.1 407 /);
    late.close();
  });
});

Deno.test("connections and volume are bounded, and idle ones end", async () => {
  await using echo = echoServer();
  await withGateway(async (gateway, refusals) => {
    const grants = [`127.0.0.1:${echo.port}`];
    const pass = await gateway.open({ ...TERMS, grants });
    const tunnels = [];
    for (let tunnel = 0; tunnel < 4; tunnel++) {
      const connection = await say(pass, connectTo(echo.port, pass.secret));
      tunnels.push([connection, await answer(connection)] as const);
    }
    assert.deepEqual(tunnels.map(([, text]) => text.slice(9, 12)), ["200", "200", "200", "429"]);
    for (const [connection] of tunnels) connection.close();
    const small = await gateway.open({ ...TERMS, grants, bytesPerMinute: 10 });
    const wide = await say(small, connectTo(echo.port, small.secret));
    await answer(wide);
    await wide.write(new Uint8Array(100));
    assert.equal(await answer(wide), "");
    wide.close();
    const short = await gateway.open({ ...TERMS, grants, requestMs: 40 });
    const idle = await say(short, connectTo(echo.port, short.secret));
    assert.match(await answer(idle), /^HTTP\/1\.1 200 /);
    assert.equal(await answer(idle), "");
    idle.close();
    // A host that does not answer was not forbidden.
    const away = await gateway.open({ ...TERMS, grants: ["127.0.0.1:1"] });
    const dead = await say(away, connectTo(1, away.secret));
    assert.match(await answer(dead), /^HTTP\/1\.1 502 /);
    dead.close();
    assert.deepEqual(refusals.map(({ remedy }) => remedy), [
      { setting: "PLUGIN_REQUESTS_IN_FLIGHT" },
      { setting: "PLUGIN_TRAFFIC_MB_PER_MINUTE" },
    ]);
  });
});

Deno.test("a request that takes too long is cut, however it keeps moving", async () => {
  // Answers each connection without end, and never waits for anything.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const dripping = (async () => {
    for await (const connection of listener) {
      (async () => {
        try {
          while (await connection.write(new Uint8Array(1)) > 0) await sleep(20);
        } catch {
          connection.close();
        }
      })();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  await withGateway(async (gateway, refusals) => {
    const grants = [`127.0.0.1:${port}`];
    const pass = await gateway.open({ ...TERMS, grants, requestMs: 200 });
    const bytes = new TextEncoder();
    const plain = `GET http://127.0.0.1:${port}/ HTTP/1.1\r\nProxy-Authorization: Basic ${
      Buffer.from(`plugin:${pass.secret}`).toString("base64")
    }\r\n\r\n`;
    for (const head of [connectTo(port, pass.secret), plain]) {
      const connection = await say(pass, head);
      if (head !== plain) await connection.write(bytes.encode("asked"));
      while (await answer(connection) !== "");
      connection.close();
    }
    await eventually(() => refusals.length > 0);
    assert.deepEqual([refusals[0]?.port, refusals[0]?.remedy], [
      port,
      { setting: "PLUGIN_REQUEST_SECONDS" },
    ]);
  });
  listener.close();
  await dripping;
});

Deno.test("a gateway that dies is replaced at the same address, with the same passes", async () => {
  await using echo = echoServer();
  await withGateway(async (gateway) => {
    const pass = await gateway.open({ ...TERMS, grants: [`127.0.0.1:${echo.port}`] });
    const { pid } = gateway;
    Deno.kill(pid as number, "SIGKILL");
    await eventually(async () => {
      try {
        const tunnel = await say(pass, connectTo(echo.port, pass.secret));
        const text = await answer(tunnel);
        tunnel.close();
        return text.startsWith("HTTP/1.1 200");
      } catch {
        return false;
      }
    });
    assert.notEqual(gateway.pid, pid);
  });
});

Deno.test("what is no request costs nothing", async () => {
  await using echo = echoServer();
  await withGateway(async (gateway) => {
    const pass = await gateway.open({ ...TERMS, grants: [`127.0.0.1:${echo.port}`] });
    for (const text of ["\r\n\r\n", "x".repeat(70_000), "GET / HTTP/1.1\r\n\r\n", "\x00\r\n\r\n"]) {
      const connection = await say(pass, text);
      assert.match(await answer(connection), /^(HTTP\/1\.1 4\d\d |$)/);
      connection.close();
    }
    const tunnel = await say(pass, connectTo(echo.port, pass.secret));
    assert.match(await answer(tunnel), /^HTTP\/1\.1 200 /);
    tunnel.close();
  });
});
