import assert from "node:assert/strict";
import { isPublicAddress } from "../../../src/plugins/egress/addresses.ts";
import { admit, Refusal } from "../../../src/plugins/egress/admission.ts";

const PRIVATE = `127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255
  192.168.1.1 169.254.169.254 100.64.0.1 100.127.255.255 192.0.2.1 198.18.0.1 198.51.100.1
  203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
  ::1 :: fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 ::ffff:127.0.0.1
  ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::a00:1 64:ff9b::127.0.0.1 64:ff9b::a00:1
  64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2002:a00:1:: 2001::1 2001:db8::1 100::1
  4000::1 localhost 127.1 0x7f.1 1`.split(/\s+/);

const PUBLIC = `1.1.1.1 8.8.8.8 93.184.216.34 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1
  2606:4700:4700::1111 2a00:1450:4001:80b::200e ::ffff:8.8.8.8 64:ff9b::808:808`.split(/\s+/);

Deno.test("private addresses are told from public ones, in every form", () => {
  assert.deepEqual(PRIVATE.filter(isPublicAddress), []);
  assert.deepEqual(PUBLIC.filter((address) => !isPublicAddress(address)), []);
});

const resolving = (...addresses: string[]) => () => Promise.resolve(addresses);

async function refusalOf(
  grants: string[],
  host: string,
  port: number,
  resolve: (name: string) => Promise<string[]> = resolving("93.184.216.34"),
): Promise<string> {
  try {
    const { addresses } = await admit({ grants }, host, port, resolve);
    return `admitted to ${addresses.join(" ")}`;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.message;
  }
}

Deno.test("a granted name that resolves to a private address is refused, in every form", async () => {
  for (const address of PRIVATE) {
    assert.match(
      await refusalOf(["api.example.com"], "api.example.com", 443, resolving(address)),
      /^it resolves to .*, which is not public/,
      address,
    );
    assert.match(
      await refusalOf(["*"], "api.example.com", 443, resolving(address)),
      /^it resolves to/,
      address,
    );
  }
});

Deno.test("of several addresses only the public ones are connected to", async () => {
  const resolve = resolving("10.0.0.1", "93.184.216.34", "::1", "2606:4700:4700::1111");
  assert.equal(
    await refusalOf(["api.example.com:443"], "API.example.com.", 443, resolve),
    "admitted to 93.184.216.34 2606:4700:4700::1111",
  );
});

Deno.test("grants cover what they say: hosts, ports, wildcards, addresses", async () => {
  const cases: readonly (readonly [grant: string, host: string, port: number, ok: boolean])[] = [
    ["api.example.com", "api.example.com", 80, true],
    ["api.example.com", "api.example.com", 8443, true],
    ["api.example.com:443", "api.example.com", 443, true],
    ["api.example.com:443", "api.example.com", 80, false],
    ["api.example.com", "example.com", 80, false],
    ["api.example.com", "x.api.example.com", 80, false],
    ["api.example.com", "xapi.example.com", 80, false],
    ["api.example.com", "api.example.com.evil.com", 80, false],
    ["*.example.com", "a.example.com", 80, true],
    ["*.example.com", "a.b.example.com", 80, true],
    ["*.example.com", "example.com", 80, true],
    ["*.example.com", "aexample.com", 80, false],
    ["*.example.com:443", "a.example.com", 443, true],
    ["*.example.com:443", "a.example.com", 80, false],
    ["10.0.0.5:8080", "10.0.0.5", 8080, true],
    ["10.0.0.5:8080", "10.0.0.5", 8081, false],
    ["10.0.0.5:8080", "10.0.0.6", 8080, false],
    ["10.0.0.5:8080", "[::ffff:10.0.0.5]", 8080, true],
    ["[::1]:8080", "[::1]", 8080, true],
    ["[::1]:8080", "[0:0:0:0:0:0:0:1]", 8080, true],
    ["[::1]:8080", "[::2]", 8080, false],
    ["*", "1.1.1.1", 53, true],
    ["*", "anything.example", 53, true],
    ["*", "127.0.0.1", 53, false],
    ["*", "[fd00::1]", 53, false],
    ["*", "[::ffff:10.0.0.1]", 53, false],
  ];
  for (const [grant, host, port, ok] of cases) {
    const answer = await refusalOf([grant], host, port);
    assert.equal(answer.startsWith("admitted"), ok, `${grant} for ${host}:${port}: ${answer}`);
  }
});

Deno.test("what is no host or no port is refused before it is looked up", async () => {
  const resolve = () => Promise.reject(new Error("asked"));
  const hosts = [
    "",
    ".",
    "..",
    "a b",
    "a/b",
    "a@b",
    "a%00",
    "x".repeat(300),
    "[::1",
    "é.com",
    "a:b",
  ];
  for (const host of hosts) {
    assert.match(await refusalOf(["*"], host, 80, resolve), /^it is no host name$/, host);
  }
  for (const port of [0, -1, 65536, 1.5, NaN]) {
    assert.equal(await refusalOf(["*"], "a.com", port, resolve), "no such port");
  }
  assert.equal(await refusalOf(["*"], "a.com", 80, resolve), "it does not resolve: asked");
});
