/** The internal MMDB server against a bare socket. */
import assert from "node:assert/strict";
import { deserialize } from "node:v8";
import { GeoIp, NOT_AVAILABLE } from "../../src/mmdb/geoip.ts";
import { MmdbServer } from "../../src/mmdb/mmdb_server.ts";
import { LINKOEPING, writeMmdb } from "./mmdb_writer.ts";

async function serve(
  database: Uint8Array | null,
  run: (port: number) => Promise<void>,
  idleMs?: number,
): Promise<void> {
  const found = { name: "test", version: "1", read: () => Promise.resolve(database as Uint8Array) };
  const look = () => Promise.resolve(database === null ? null : found);
  const geoip = new GeoIp({ name: "a test", look }, null, { lookMs: 1e6, maxAgeDays: 45 });
  await geoip.look();
  const server = new MmdbServer(geoip, 0, idleMs);
  try {
    await run(server.port);
  } finally {
    await server.close();
  }
}

/** All that comes back for these chunks, each sent after the answer to the one before. */
async function ask(port: number, ...chunks: (string | Uint8Array)[]): Promise<Uint8Array[]> {
  using socket = await Deno.connect({ port });
  const answers: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  const read = async () => {
    const size = await socket.read(buffer);
    if (size !== null) answers.push(buffer.slice(0, size));
    return size;
  };
  for (const chunk of chunks) {
    await socket.write(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
    await read();
  }
  await socket.closeWrite();
  while (await read() !== null);
  return answers;
}

const DATABASE = writeMmdb({ "89.160.20.112/28": LINKOEPING });

Deno.test("an address is answered in V8's format", async () => {
  await serve(DATABASE, async (port) => {
    const [answer, ...more] = await ask(port, "89.160.20.113");
    assert.equal(deserialize(answer as Uint8Array).city.names.en, "Linköping");
    assert.equal(more.length, 0);
    const several = await ask(port, " 89.160.20.113\n", "1.1.1.1");
    assert.deepEqual(several.map((each) => deserialize(each)?.country.isoCode ?? null), [
      "SE",
      null,
    ]);
  });
});

Deno.test("what is no address is null, byte for byte, and the connection goes on", async () => {
  await serve(DATABASE, async (port) => {
    const frames = [
      "asdfgh",
      "localhost",
      "   ",
      new Uint8Array([0xff, 0x0f, 0x30]),
      new Uint8Array([0xc3, 0x28, 0x00]),
      "x".repeat(200),
      "89.160.20.113\u0000",
    ];
    const answers = await ask(port, ...frames, "89.160.20.113");
    for (const answer of answers.slice(0, -1)) {
      assert.deepEqual([...answer], [0xff, 0x0f, 0x30]);
    }
    assert.equal(answers.length, frames.length + 1);
    assert.equal(deserialize(answers.at(-1) as Uint8Array).country.isoCode, "SE");
  });
});

Deno.test("floods, half-open clients and early ends leave the server well", async () => {
  await serve(DATABASE, async (port) => {
    assert.deepEqual(await ask(port), [], "nothing asked, nothing answered");
    using flooding = await Deno.connect({ port });
    const draining = flooding.readable.pipeTo(new WritableStream()).catch(() => {});
    for (let part = 0; part < 16; part++) await flooding.write(new Uint8Array(64 * 1024).fill(97));
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => Deno.connect({ port })),
    );
    for (const client of clients) {
      await client.write(new TextEncoder().encode("1.1.1.1"));
      client.close();
    }
    const [answer] = await ask(port, "89.160.20.113");
    assert.equal(deserialize(answer as Uint8Array).city.names.en, "Linköping");
    await flooding.closeWrite();
    await draining;
  });
});

Deno.test("without a database the error comes at once, and again at the end", async () => {
  await serve(null, async (port) => {
    const bytes = (await ask(port, "89.160.20.113")).flatMap((each) => [...each]);
    const one = bytes.slice(0, bytes.length / 2);
    assert.equal(deserialize(new Uint8Array(one)), NOT_AVAILABLE);
    assert.deepEqual(bytes, [...one, ...one]);
  });
});

Deno.test("a client that says nothing is told so and closed", async () => {
  await serve(DATABASE, async (port) => {
    using socket = await Deno.connect({ port });
    const [answer] = await Array.fromAsync(socket.readable);
    assert.equal(
      deserialize(answer as Uint8Array),
      "Internal MMDB server connection timed out!",
    );
  }, 100);
});
