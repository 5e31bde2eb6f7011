/** What a plugin asks for in its manifest and may not: refused by the command and by the server. */
import assert from "node:assert/strict";
import { PluginGrants } from "../../src/plugins/grants/plugin_grants.ts";
import { PluginRegistry } from "../../src/plugins/registry/plugin_registry.ts";
import { createTestCommands } from "../cli/command_run.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { zipOf } from "../plugins/source/plugin_archives.ts";

const asking = (...net: readonly unknown[]) => ({ permissions: { net } });
const withHost = (byDefault: string, ask = "{config.host}") => ({
  config: [{ key: "host", type: "string", default: byDefault }],
  ...asking(ask),
});

const REFUSED: readonly (readonly [name: string, manifest: object, reason: RegExp])[] = [
  ["every host", asking("*"), /every host/],
  ["every host at a port", asking("*:443"), /every host/],
  ["every host of a top-level domain", asking("*.com"), /everything under a top-level domain/],
  ["a wildcard inside", asking("api.*.example.com"), /no host name/],
  ["two hosts with a comma", asking("a.example.com,b.example.com"), /comma/],
  ["a space", asking("a.example.com b.example.com"), /space/],
  ["a line feed", asking("a.example.com\nb.example.com"), /space/],
  ["an address of a page", asking("https://a.example.com"), /address of a page/],
  ["a path", asking("a.example.com/x"), /address of a page/],
  ["a name and a password", asking("me@a.example.com"), /address of a page/],
  ["port 0", asking("a.example.com:0"), /port/],
  ["port 65536", asking("a.example.com:65536"), /port/],
  ["a port that is a name", asking("a.example.com:https"), /port/],
  ["this machine", asking("localhost:80"), /names this machine/],
  ["a private address", asking("10.0.0.1"), /not public/],
  ["cloud metadata", asking("169.254.169.254:80"), /not public/],
  ["a private IPv6 address", asking("[fd00::1]:80"), /not public/],
  ["another spelling of 127.0.0.1", asking("0x7f.1"), /no address/],
  ["an option of Deno", asking("--allow-run"), /no host name/],
  ["what is no text", asking({ host: "a.example.com" }), /not a text/],
  ["no list", { permissions: { net: "a.example.com" } }, /not a list/],
  ["a key that the config lacks", asking("{config.host}"), /not among its 'config'/],
  ["a key of every object", asking("{config.constructor}"), /not among its 'config'/],
  ["a variable of the environment", asking("{env.DATABASE_URL}"), /in braces/],
  ["a config that is localhost", withHost("localhost"), /names this machine/],
  ["a config that is a page of localhost", withHost("http://localhost:8000/"), /this machine/],
  ["a config that is a private address", withHost("http://192.168.0.1"), /not public/],
  ["a config that is a wildcard", withHost("*.example.com"), /wildcards/],
  ["a config that ends the name", withHost("evil.example/", "{config.host}.example.com"), /page/],
];

Deno.test("what a manifest may not ask for is refused at install and at load, with the reason", async (t) => {
  await using test = await createTestCommands();
  const { database, baseDir } = test;
  const teamId = await prepareDatabase(database);
  const failures = new Map<number, string>();
  const registry = new PluginRegistry({
    database,
    grants: new PluginGrants(database),
    log: { write: () => {} },
    reports: {
      failed: (id, { message }) => failures.set(id, message),
      loaded: () => {},
      ready: () => {},
      gaveUp: () => {},
    },
  }, { baseDir, namedGrants: new Map(), netDefault: "public", isolation: "organization" });
  const archiveOf = (name: string, manifest: object) =>
    zipOf({ "plugin.json": JSON.stringify({ name, ...manifest }), "index.js": "" });
  const answers = new Map<string, { code: number; err: string }>();
  const ids = new Map<string, number>();
  const fine = ["control: a host and a config's", withHost("api.example.com")] as const;
  for (const [name, manifest] of [...REFUSED, fine]) {
    await Deno.writeFile(`${baseDir}/plugin.zip`, archiveOf(name, manifest));
    answers.set(name, await test.run("plugins", "install", `${baseDir}/plugin.zip`));
    // As if PostHog's application had installed it, which asks nobody.
    const id = await installPlugin(database, { name: `Row: ${name}`, source: "", teamId });
    ids.set(name, id);
    await database.query(
      `UPDATE posthog_plugin SET archive = $2 WHERE id = (
         SELECT plugin_id FROM posthog_pluginconfig WHERE id = $1)`,
      [id, archiveOf(name, manifest)],
    );
  }
  const specs = await registry.load();
  assert.deepEqual(specs.map(({ name }) => name), [`Row: ${fine[0]}`]);
  assert.equal(answers.get(fine[0])?.code, 0, answers.get(fine[0])?.err);
  for (const [name, , reason] of REFUSED) {
    await t.step(name, () => {
      assert.equal(answers.get(name)?.code, 1);
      assert.match(answers.get(name)?.err ?? "", reason);
      assert.match(failures.get(ids.get(name) as number) ?? "", reason);
    });
  }
});
