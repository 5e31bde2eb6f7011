import assert from "node:assert/strict";
import { PaddockError } from "../../../src/errors.ts";
import { checkGrant, checkRequest, resolveGrant } from "../../../src/plugins/grants/grant.ts";
import { parseNamedGrants, PluginGrants } from "../../../src/plugins/grants/plugin_grants.ts";
import { migrate } from "../../../src/stores/migrations/migrate.ts";
import { createTestDatabase } from "../../services/database.ts";

const refusal = (reason: RegExp) => (error: unknown) =>
  error instanceof PaddockError && error.code === "PDK_PLUGIN_MANIFEST" &&
  reason.test(error.message);

Deno.test("what an operator may grant, in its one spelling", () => {
  const spellings: Record<string, string> = {
    "api.example.com": "api.example.com",
    "API.Example.com:443": "api.example.com:443",
    "api.example.com:0443": "api.example.com:443",
    "*.example.com": "*.example.com",
    "redis": "redis",
    "10.0.0.5:8080": "10.0.0.5:8080",
    "127.0.0.1": "127.0.0.1",
    "[::1]:80": "[::1]:80",
    "::1": "[::1]",
    "[::ffff:10.0.0.1]:80": "10.0.0.1:80",
    "{config.host}": "{config.host}",
    "{config.host}:443": "{config.host}:443",
    "{config.Sub_domain}.zendesk.com:443": "{config.Sub_domain}.zendesk.com:443",
  };
  for (const [entry, spelling] of Object.entries(spellings)) {
    assert.equal(checkGrant(entry), spelling, entry);
    assert.equal(checkGrant(spelling), spelling);
  }
});

Deno.test("what nobody may grant, each with its reason", () => {
  const refused: Record<string, RegExp> = {
    "": /no host name/,
    "*": /every host/,
    "*:443": /every host/,
    "*.com": /top-level/,
    "*.*.com": /no host name/,
    "a.*.com": /no host name/,
    "a.com,b.com": /comma/,
    "a.com b.com": /space/,
    "a.com;b=c.com": /semicolon/,
    "https://api.example.com": /address of a page/,
    "api.example.com/v1": /address of a page/,
    "user@api.example.com": /address of a page/,
    "api.example.com:0": /port/,
    "api.example.com:65536": /port/,
    "api.example.com:https": /port/,
    "api.example.com:": /port/,
    "api.example.com:443:1": /port/,
    "localhost": /this machine/,
    "db.localhost:5432": /this machine/,
    "256.1.1.1": /no address/,
    "2130706433": /no address/,
    "127.1": /no address/,
    "0x7f000001": /no address/,
    "0x7f.1": /no address/,
    "010.0.0.1": /no address/,
    "fe80::1%eth0": /address of a page/,
    "-a.com": /no host name/,
    "a..com": /no host name/,
    "exa_mple.com": /no host name/,
    "bücher.example": /no host name/,
    "{config.}": /in braces/,
    "{env.SECRET}": /in braces/,
    "{config.a}{config.b}": /in braces/,
    "*.{config.a}": /in braces/,
    "{config.a}:0": /port/,
    "--allow-run": /no host name/,
    [`${"a".repeat(64)}.com`]: /no host name/,
    ["a.".repeat(150) + "com"]: /no host name/,
  };
  for (const [entry, reason] of Object.entries(refused)) {
    assert.throws(() => checkGrant(entry), refusal(reason), entry);
  }
});

Deno.test("a manifest cannot ask for an address that is not public", () => {
  assert.equal(checkRequest("8.8.8.8:53"), "8.8.8.8:53");
  for (
    const address of [
      "127.0.0.1",
      "10.1.2.3:80",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "0.0.0.0",
      "[::1]",
      "[fd00::1]:80",
      "[fe80::1]",
      "[::ffff:127.0.0.1]",
      "[64:ff9b::7f00:1]",
    ]
  ) assert.throws(() => checkRequest(address), refusal(/not public/), address);
});

Deno.test("a placeholder becomes the config's host, and never a private one", () => {
  const resolved: [string, string, string][] = [
    ["{config.h}", "api.example.com", "api.example.com"],
    ["{config.h}", " https://API.example.com/v1?x=1 ", "api.example.com:443"],
    ["{config.h}", "http://api.example.com:8080", "api.example.com:8080"],
    ["{config.h}", "api.example.com:8443/path", "api.example.com:8443"],
    ["{config.h}:443", "https://api.example.com:8443", "api.example.com:443"],
    ["{config.h}.zendesk.com:443", "Acme", "acme.zendesk.com:443"],
    ["{config.h}", "8.8.8.8", "8.8.8.8"],
    ["api.example.com", "whatever", "api.example.com"],
  ];
  for (const [entry, h, expected] of resolved) assert.equal(resolveGrant(entry, { h }), expected);
  const refused: [string, unknown, RegExp][] = [
    ["{config.missing}", "x", /no text 'missing'/],
    ["{config.toString}", "x", /no text 'toString'/],
    ["{config.h}", "", /no text 'h'/],
    ["{config.h}", 5, /no text 'h'/],
    ["{config.h}", "localhost", /this machine/],
    ["{config.h}", "http://localhost:8000", /this machine/],
    ["{config.h}", "127.0.0.1", /not public/],
    ["{config.h}", "http://2130706433/", /not public/],
    ["{config.h}", "http://0x7f.1/", /not public/],
    ["{config.h}", "http://[::1]/", /not public/],
    ["{config.h}", "http://169.254.169.254/latest", /not public/],
    ["{config.h}", "*.example.com", /wildcards/],
    ["{config.h}", "*", /wildcards/],
    ["{config.h}", "a.com,b.com", /comma/],
    ["{config.h}", "{config.other}", /another key/],
    ["{config.h}.zendesk.com", "evil.com/", /address of a page/],
    ["{config.h}.zendesk.com", "evil.com:80#", /address of a page|port inside/],
    ["{config.h}.zendesk.com", "a:80", /port inside/],
  ];
  for (const [entry, h, reason] of refused) {
    assert.throws(() => resolveGrant(entry, { h, other: "a.com" }), refusal(reason), String(h));
  }
});

Deno.test("PLUGIN_NET_GRANTS is read strictly", () => {
  assert.deepEqual(
    [...parseNamedGrants(" My plugin = a.com:443, B.com ;Other=10.0.0.1:80;Other=c.com;")],
    [["My plugin", ["a.com:443", "b.com"]], ["Other", ["10.0.0.1:80", "c.com"]]],
  );
  assert.deepEqual([...parseNamedGrants("")], []);
  for (const text of ["a.com", "=a.com", "Plugin=", "Plugin=a.com,,b.com", "Plugin=*", " =a.com"]) {
    assert.throws(
      () => parseNamedGrants(text),
      (error) => error instanceof PaddockError && error.code === "PDK_CONFIG_INVALID",
      text,
    );
  }
});

Deno.test("grants are stored once, and taken away in any spelling", async () => {
  await using test = await createTestDatabase();
  await migrate(test.database);
  const grants = new PluginGrants(test.database);
  await grants.grant(7, ["API.example.com:443", "{config.Host}"]);
  await grants.grant(7, ["api.example.com:443"]);
  await assert.rejects(grants.grant(7, ["fine.example.com", "*"]), refusal(/every host/));
  assert.deepEqual(await grants.all(), new Map([[7, ["api.example.com:443", "{config.Host}"]]]));
  assert.equal(await grants.revoke(7, ["Api.Example.com:443", "{config.Host}", "b.com"]), 2);
  assert.equal(await grants.revoke(7, ["*"]), 0);
  assert.deepEqual(await grants.all(), new Map());
});
