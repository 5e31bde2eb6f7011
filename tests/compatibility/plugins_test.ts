/**
 * Plugins in the style of those that are in use, each with fixtures, through the real fence. Rows of
 * the contract with the server before that a fixture is about stand in brackets in its description.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../src/config/config.ts";
import { BuildProcess } from "../../src/plugins/source/build_process.ts";
import { readFolder } from "../../src/plugins/source/local_folder.ts";
import { rawSource } from "../../src/plugins/source/plugin_source.ts";
import { parseFixture } from "../../src/plugins/trial/fixture.ts";
import { failuresOf } from "../../src/plugins/trial/verdict.ts";
import { runTrial } from "../../src/server_trial.ts";

const FOLDER = fileURLToPath(import.meta.resolve("./plugins/"));
const LEAST = 40;

const plugins = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).toSorted();

Deno.test("there are plugins of every kind", () => {
  assert.ok(plugins.length >= LEAST, `${plugins.length} plugins`);
});

Deno.test("each plugin does what its fixtures expect", async (test) => {
  const config = loadConfig({});
  await using builder = new BuildProcess();
  for (const plugin of plugins) {
    await test.step(plugin, async () => {
      const folder = `${FOLDER}${plugin}`;
      const source = await builder.build(rawSource(plugin, await readFolder(folder, plugin)));
      const fixtures = [...Deno.readDirSync(`${folder}/fixtures`)].map(({ name }) => name);
      assert.ok(fixtures.length > 0, "there is no fixture");
      for (const name of fixtures.toSorted()) {
        const fixture = parseFixture(await Deno.readTextFile(`${folder}/fixtures/${name}`), name);
        const report = await runTrial(config, source.manifest.name ?? plugin, source, fixture);
        assert.deepEqual(failuresOf(fixture.expect, report), [], name);
      }
    });
  }
});

Deno.test("dates are told in the server's time zone [3.11]", async () => {
  const before = Deno.env.get("TZ");
  await using builder = new BuildProcess();
  const text = `export const processEvent = (event) => {
    event.properties.hour = new Date(event.timestamp).getHours()
    return event
  }`;
  const source = await builder.build(rawSource("hours", new Map([["index.js", text]])));
  const fixture = (hour: number) =>
    parseFixture(
      JSON.stringify({
        events: [{ timestamp: "2021-10-28T12:30:00Z" }],
        expect: { events: [{ properties: { hour } }] },
      }),
      "hours",
    );
  try {
    for (const [zone, hour] of [["Asia/Tokyo", 21], ["America/New_York", 8]] as const) {
      Deno.env.set("TZ", zone);
      const { expect, ...rest } = fixture(hour);
      const report = await runTrial(loadConfig({}), "Hours", source, { ...rest, expect });
      assert.deepEqual(failuresOf(expect, report), [], zone);
    }
  } finally {
    if (before === undefined) Deno.env.delete("TZ");
    else Deno.env.set("TZ", before);
  }
});
