/** From an empty folder to a chain of plugins: new, show, order, upgrade; teams. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { startDownloads } from "../services/downloads.ts";
import { tgzOf, zipOf } from "../plugins/source/plugin_archives.ts";
import { createTestCommands, writePlugin } from "./command_run.ts";

for (const language of ["typescript", "javascript"]) {
  Deno.test(`a new plugin in ${language} meets its fixture and can be installed`, async () => {
    await using test = await createTestCommands();
    const folder = `${test.baseDir}/my-first_plugin`;
    const flags = language === "javascript" ? ["--javascript"] : [];
    const out = await test.succeed("plugins", "new", folder, ...flags);
    assert.match(out, /^Made 'My first plugin' in /);
    assert.match(await test.succeed("plugins", "test", folder), /^1 passed, 0 failed$/m);
    await test.succeed("plugins", "install", folder);
    await test.succeed("plugins", "enable", "My first plugin");
    const again = await test.run("plugins", "new", folder);
    assert.deepEqual([again.code, /is there already/.test(again.err)], [2, true]);
  });
}

const packageOf = (version: string, more: object = {}) =>
  tgzOf({
    "package/plugin.json": JSON.stringify({ name: "Enrich", ...more }),
    "package/index.js": `exports.version = "${version}"`,
  });

Deno.test("npm packages are installed, checked and upgraded", async () => {
  await using downloads = startDownloads(new Map());
  await using test = await createTestCommands({ NPM_CONFIG_REGISTRY: `${downloads.address}/` });
  const [one, two] = [await packageOf("1.0.0"), await packageOf("1.1.0")];
  downloads.publish("@acme/enrich", { "1.0.0": one, "1.1.0": two }, "1.0.0");
  assert.match(
    await test.succeed("plugins", "install", "npm:@acme/enrich"),
    /^Installed 'Enrich' \(plugin 1\), version 1\.0\.0\.$/m,
  );
  await test.succeed("plugins", "enable", "Enrich");
  assert.match(
    await test.succeed("plugins", "upgrade", "Enrich"),
    /is at its newest version, 1\.0/,
  );
  downloads.publish("@acme/enrich", { "1.0.0": one, "1.1.0": two }, "1.1.0");
  assert.equal(
    await test.succeed("plugins", "upgrade", "--all"),
    "Upgraded 'Enrich' from 1.0.0 to 1.1.0.",
  );
  const [row] = await test.database.query<Record<string, unknown>>(
    "SELECT plugin_type, url, tag, archive FROM posthog_plugin",
  );
  assert.deepEqual(
    [row?.plugin_type, row?.url, row?.tag, Buffer.compare(row?.archive as Buffer, two)],
    ["repository", "https://www.npmjs.com/package/@acme/enrich", "1.1.0", 0],
  );

  const needy = await packageOf("2.0.0", {
    config: [{ key: "token", type: "string", required: true }],
    permissions: { net: ["api.example.com"] },
  });
  downloads.publish("@acme/enrich", { "2.0.0": needy }, "2.0.0");
  const upgraded = await test.run("plugins", "upgrade", "Enrich");
  assert.match(upgraded.err, /paddock plugins grant 1 api\.example\.com/);
  assert.match(upgraded.err, /enable Enrich --team 1 --config 'token=<value>'/);

  const attempts: [string, RegExp][] = [
    ["npm:@acme/enrich@lates", /has no version 'lates' \(did you mean 'latest'\?\)/],
    ["npm:@acme/other", /%2fother cannot be downloaded: it answered 404/],
    ["npm:../../etc", /is no name of an npm package/],
    ["enrich", /a package of npm is 'npm:enrich'/],
    ["http://127.0.0.1:1/p.zip", /127\.0\.0\.1:1\/p\.zip cannot be downloaded/],
  ];
  for (const [source, reason] of attempts) {
    const { code, err } = await test.run("plugins", "install", source);
    assert.equal(code, 2, err);
    assert.match(err, reason);
  }
  downloads.publish(
    "@acme/enrich",
    { "2.0.1": needy },
    "2.0.1",
    `sha512-${hash("sha512", "other", "base64")}`,
  );
  assert.match((await test.run("plugins", "upgrade", "Enrich")).err, /its sha512 differs/);
});

Deno.test("an archive of a repository is downloaded, with its commit", async () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const zip = Buffer.from(zipOf({ "p-main/plugin.json": `{"name":"P"}`, "p-main/index.js": "" }));
  // As git does it: the length of the comment is the last number of a zip, its text the end.
  zip.writeUInt16LE(commit.length, zip.length - 2);
  const files = new Map<string, Uint8Array>();
  files.set("/p.zip", Buffer.concat([zip, Buffer.from(commit)]));
  await using downloads = startDownloads(files);
  await using test = await createTestCommands();
  const address = `${downloads.address}/p.zip`;
  const installed = JSON.parse(await test.succeed("plugins", "install", address, "--json"));
  assert.deepEqual(installed, {
    id: 1,
    name: "P",
    replaced: false,
    kind: "repository",
    ungranted: [],
  });
  const shown = JSON.parse(await test.succeed("plugins", "show", "P", "--json"));
  assert.deepEqual([shown.url, shown.tag, shown.state], [address, commit, "ok"]);
  files.set("/p.zip", zipOf({ "plugin.json": `{"name":"Q"}`, "index.js": "" }));
  const other = await test.run("plugins", "upgrade", "P");
  assert.match(other.err, /newer version of 'P' is called 'Q'/);
  const folder = `${test.baseDir}/local`;
  await writePlugin(folder, { "plugin.json": `{"name":"Local"}`, "index.js": "" });
  await test.succeed("plugins", "install", folder);
  assert.match((await test.run("plugins", "upgrade", "Local")).err, /is in force already/);
});

Deno.test("a plugin is shown with its settings, but not with its secrets", async () => {
  await using test = await createTestCommands();
  await writePlugin(`${test.baseDir}/p`, {
    "plugin.json": JSON.stringify({
      name: "P",
      description: "Does\u001b[2J it.",
      config: [
        { key: "host", type: "string", required: true },
        { key: "token", type: "string", secret: true },
      ],
    }),
    "index.js": "",
  });
  await test.succeed("plugins", "install", `${test.baseDir}/p`);
  const wrong = await test.run("plugins", "enable", "P", "--config", "hots=x");
  assert.match(wrong.err, /no setting 'hots', but: host, token \(did you mean 'host'\?\)/);
  await test.succeed("plugins", "enable", "P", "--config", "host=a.example", "token=hunter2");
  await test.succeed("plugins", "grant", "P", "a.example");
  await test.database.query(
    `INSERT INTO paddock.plugin_refusal (plugin_id, host, reason, count) VALUES (1, 'b:443', '', 7)`,
  );
  const text = await test.succeed("plugins", "show", "P");
  assert.match(text, /^ {4}host = a\.example$/m);
  assert.match(text, /^ {4}token = \*\*\*$/m);
  assert.match(text, /may reach: a\.example$/m);
  assert.match(text, /was refused: b:443 \(7×\)$/m);
  assert.match(text, /Does\\x1b\[2J it\./);
  const json = await test.succeed("plugins", "show", "1", "--json");
  assert.deepEqual(JSON.parse(json).configs[0].config, { host: "a.example", token: "***" });
  assert.doesNotMatch(text + json, /hunter2/);
  assert.match((await test.run("plugins", "show", "PP")).err, /did you mean 'P'\?/);
});

Deno.test("plugins are put in order", async () => {
  await using test = await createTestCommands();
  for (const name of ["A", "B", "C", "D"]) {
    await writePlugin(`${test.baseDir}/${name}`, {
      "plugin.json": `{"name":"${name}"}`,
      "index.js": "",
    });
    await test.succeed("plugins", "install", `${test.baseDir}/${name}`);
    if (name !== "D") await test.succeed("plugins", "enable", name);
  }
  const out = await test.succeed("plugins", "order", "C", "A");
  assert.match(out, /\n1 .*C +yes\n2 .*A +yes\n3 .*B +yes$/);
  const json = JSON.parse(await test.succeed("plugins", "order", "--json"));
  assert.deepEqual(json.map(({ name }: { name: string }) => name), ["C", "A", "B"]);
  const refused = await test.run("plugins", "order", "D");
  assert.deepEqual([refused.code, /never enabled for team 1/.test(refused.err)], [2, true]);
});

Deno.test("teams are made, in organizations that exist or not, and get new keys", async () => {
  await using test = await createTestCommands();
  const made = JSON.parse(await test.succeed("teams", "create", "Shop", "--json"));
  assert.deepEqual([made.id, made.name, made.organization], [2, "Shop", "My organization"]);
  assert.match(
    await test.succeed("teams", "create", "Blog", "--organization", "Other"),
    /^Made team 3 \(Blog\) in 'Other'\. Its API key: phc_\w{43}$/,
  );
  await test.succeed("teams", "create", "Wiki", "--organization", "other");
  const teams = JSON.parse(await test.succeed("teams", "list", "--json"));
  assert.equal(teams[2].organizationId, teams[3].organizationId);
  assert.equal(await test.succeed("teams", "token", "Shop"), made.apiToken);
  const rotated = await test.succeed("teams", "token", "2", "--rotate");
  assert.match(rotated, /^phc_\w{43}$/);
  assert.notEqual(rotated, made.apiToken);
  assert.equal(await test.succeed("teams", "token", "shop"), rotated);
  const wrong: [string[], RegExp][] = [
    [["teams", "create", "  "], /the name of a team has 1 to 200 characters/],
    [["teams", "create", "T", "--organization", "o".repeat(65)], /of an organization has 1 to 64/],
    [["teams", "token", "9"], /there is no team '9'; there are 1 \(My project\)/],
  ];
  for (const [argv, reason] of wrong) {
    const { code, err } = await test.run(...argv);
    assert.deepEqual([code, reason.test(err)], [2, true], err);
  }
});
