/** A plugin's author saves a file, and sees what it does now. */
import assert from "node:assert/strict";
import { runCommand } from "../../src/cli/commands.ts";
import { writePlugin } from "../cli/command_run.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { startServerProcess } from "../services/server_process.ts";

const pluginOf = (greeting: string) => ({
  "plugin.json": `{"name":"Greeter"}`,
  "lib/words.ts": `export const greeting = "${greeting}";`,
  "index.ts": `import { greeting } from "./lib/words";
    export function setupPlugin() { console.log("greets with", greeting, "\\u001b[31m"); }
    export function processEvent(event) {
      event.properties = { ...event.properties, greeting };
      return event;
    }`,
});

Deno.test("a saved plugin is in force, with its log and what it changes in the server's log", async () => {
  await using database = await createTestDatabase();
  const baseDir = await Deno.realPath(await Deno.makeTempDir());
  const folder = `${baseDir}/plugins/greeter`;
  const stores = { DATABASE_URL: database.url, REDIS_URL: "none", BASE_DIR: baseDir };
  const server = await startServerProcess({
    ...stores,
    PLUGIN_WATCH: "print",
    CONSOLE_HOST: "",
    LOG_FORMAT: "json",
  });
  const lines = () =>
    server.output().split("\n").filter((line) => line.startsWith("{")).map((line) => {
      const { message } = JSON.parse(line);
      return String(message);
    });
  const says = (text: string) => () => lines().some((line) => line.includes(text));
  try {
    const paddock = (...argv: string[]) =>
      runCommand(argv, stores, { print: () => {}, complain: () => {} });
    await writePlugin(folder, pluginOf("hello"));
    assert.equal(await paddock("plugins", "install", folder), 0);
    assert.equal(await paddock("plugins", "enable", "Greeter"), 0);
    await eventually(says("Greeter (1) LOG: greets with hello"));
    assert.ok(!server.output().includes("\u001b[31m"), "control characters are disarmed");

    const [team] = await database.database.query<{ api_token: string }>(
      "SELECT api_token FROM posthog_team",
    );
    const post = async () => {
      const body = JSON.stringify({
        api_key: team?.api_token,
        event: "signed up",
        distinct_id: "ann",
        properties: {},
      });
      const response = await fetch(`${server.address}/e/`, { method: "POST", body });
      assert.equal(response.status, 200, await response.text());
    };
    await post();
    await eventually(says(`Greeter (1) changed "signed up" by ann`));
    await eventually(says(`+ properties.greeting: "hello"`));

    // Nobody tells the server, and its own look of once a minute is far.
    await Deno.writeTextFile(`${folder}/lib/words.ts`, `export const greeting = "good morning";`);
    await eventually(says("Greeter (1) LOG: greets with good morning"));
    await post();
    await eventually(says(`+ properties.greeting: "good morning"`));

    await Deno.writeTextFile(`${folder}/index.ts`, "export function {");
    await eventually(says("index.ts"));
    await writePlugin(folder, pluginOf("good night"));
    await eventually(says("Greeter (1) LOG: greets with good night"));
  } finally {
    assert.equal(await server.stop(), 0);
    await Deno.remove(baseDir, { recursive: true });
  }
});
