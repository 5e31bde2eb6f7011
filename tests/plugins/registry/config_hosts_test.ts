import assert from "node:assert/strict";
import { checkHosts } from "../../../src/plugins/registry/config_hosts.ts";
import { configFields } from "../../../src/plugins/source/manifest.ts";

const FIELDS = configFields([
  { key: "host", type: "string" },
  { key: "hook", type: "string", secret: true },
]);

Deno.test("a value that would be a host nobody should reach is named with the reason", () => {
  const entries = [
    "{config.host}:443",
    "{config.host}:443",
    "api.{config.host}",
    "api.example.com",
  ];
  for (
    const [host, reason] of [
      ["localhost", /names this machine/],
      ["https://127.0.0.1/", /not public/],
      ["*.example.com", /does not choose wildcards/],
      ["two hosts", /a space/],
      ["{config.hook}", /does not name another key/],
      ["example.com:99999", /port/],
    ] as const
  ) {
    const [problem] = checkHosts(entries, FIELDS, { host });
    assert.deepEqual([problem?.key, problem?.kind], ["host", "invalid"]);
    assert.match(problem?.message ?? "", reason);
  }
  assert.deepEqual(checkHosts(entries, FIELDS, { host: "example.com" }), []);
  for (const host of ["", " ", null, undefined, 5]) {
    assert.deepEqual(checkHosts(entries, FIELDS, { host }), []);
  }
});

Deno.test("a secret is not told with the reason", () => {
  const [problem] = checkHosts(["{config.hook}"], FIELDS, { hook: "https://localhost/s3cret" });
  assert.equal(problem?.key, "hook");
  assert.doesNotMatch(problem?.message ?? "", /localhost|s3cret/);
});
