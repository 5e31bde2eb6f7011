/** `paddock status`, `top` and `tap` on a running server, in a terminal. */
import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { startServerProcess } from "../services/server_process.ts";
import { createTestCommands, type TestCommands } from "./command_run.ts";
import { openTerminal } from "./terminal.ts";

const SOURCE = `
  exports.processEvent = (event) => {
    if (event.event === "dropped") return null;
    if (event.event === "failing") throw new Error("no");
    if (event.event === "changed") event.properties.by = "the plugin";
    return event;
  };`;

interface RunningServer extends AsyncDisposable {
  readonly commands: TestCommands;
  readonly teamId: number;
  /** Sends an event of each of these names. */
  send(...names: string[]): Promise<void>;
}

async function runningServer(): Promise<RunningServer> {
  const commands = await createTestCommands();
  const { database, environment } = commands;
  const teamId = await prepareDatabase(database);
  await installPlugin(database, { name: "Marker", source: SOURCE, teamId });
  const [team] = await database.query<{ api_token: string }>(
    "SELECT api_token FROM posthog_team WHERE id = $1",
    [teamId],
  );
  const server = await startServerProcess(environment);
  return {
    commands,
    teamId,
    async send(...names) {
      const batch = names.map((event) => ({ event, distinct_id: `visitor of ${event}` }));
      const response = await fetch(`${server.address}/batch/`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ api_key: team?.api_token, batch }),
      });
      assert.equal(response.status, 200, await response.text());
    },
    async [Symbol.asyncDispose]() {
      assert.equal(await server.stop(), 0, server.output());
      await commands[Symbol.asyncDispose]();
    },
  };
}

Deno.test("status says how each server is; top is a table that q ends, and gives the screen back", async () => {
  await using server = await runningServer();
  const { commands } = server;
  await server.send(...Array.from({ length: 20 }, () => "changed"), "failing");
  await eventually(async () => /21 stored/.test((await commands.run("status")).out));
  const status = await commands.succeed("status");
  assert.match(status, /^http:\/\/127\.0\.0\.1:\d+ {2}version .*: ready$/m);
  assert.match(status, /queue.*: 0 wait/);
  assert.match(status, /- geoip, since .*: there is no database/);
  assert.match(status, /plugins: 1$/);
  const [shown] = JSON.parse(await commands.succeed("status", "--json"));
  assert.equal(shown.plugins[0].name, "Marker");
  assert.equal(shown.plugins[0].failed, 1);
  assert.ok(shown.plugins[0].p99Ms > 0);
  assert.match(await commands.succeed("top", "--once"), /Marker$/);

  const terminal = openTerminal(["top"], commands.environment);
  await terminal.until("1 server, ");
  await terminal.until(/id +events\/s +calls\/s +p50 ms +p99 ms +failed/);
  await terminal.until(/\d+ +[\d.]+ +[\d.]+ +<\S+ +<\S+ +1 +0 +\d+ MB\/1 +healthy +Marker/);
  const drawn = terminal.screen().length;
  await eventually(() => terminal.screen().length > drawn);
  await terminal.type("q");
  assert.equal(await terminal.ended(), 0);
  assert.ok(terminal.screen().startsWith("\x1b[?1049h"), "a screen of its own");
  assert.ok(terminal.screen().trimEnd().endsWith("\x1b[?1049l"), "the shell's screen again");
});

Deno.test("without a server, status and top say so", async () => {
  await using commands = await createTestCommands();
  assert.equal(await commands.succeed("status"), "No server runs.");
  assert.equal(await commands.succeed("top"), "No server runs.");
});

Deno.test("tap shows events before and after each plugin, filtered, until Ctrl-C", async () => {
  await using server = await runningServer();
  const { environment } = server.commands;
  const all = openTerminal(["tap"], environment);
  const one = openTerminal(["tap", "--event", "changed", "--json", "-n", "40"], environment);
  let code: number | null = null;
  one.ended().then((ended) => code = ended);
  await all.until("listening");
  // Who asks is heard of within moments; until then events pass unseen.
  await eventually(async () => {
    await server.send("changed", "dropped", "failing");
    return code !== null && all.screen().includes("after Marker");
  });
  assert.equal(code, 0);
  const lines = one.screen().trim().split(/\r?\n/).map((line) => JSON.parse(line));
  assert.equal(lines.length, 40);
  const ways = [...Map.groupBy(lines, ({ uuid }) => uuid).values()];
  const way = ways.find((each) => each.length === 4) ?? [];
  const [first] = way;
  assert.deepEqual(way.map(({ point, outcome }) => [point.replace(/ \(\d+\)/, ""), outcome]), [
    ["received", undefined],
    ["before Marker", undefined],
    ["after Marker", "changed"],
    ["leaves", undefined],
  ]);
  assert.equal(first.distinctId, "visitor of changed");
  assert.equal(first.team, server.teamId);
  assert.equal(JSON.parse(way[1].properties).by, undefined);
  assert.equal(JSON.parse(way[2].properties).by, "the plugin");
  await all.until(/dropped {2}visitor of dropped {2}\S+ {2}after Marker \(\d+\): dropped/);
  await all.until(/failing {2}visitor of failing {2}\S+ {2}after Marker \(\d+\): failed/);
  await all.type("\x03");
  assert.equal(await all.ended(), 0);
});

Deno.test("what tap cannot be asked for is said, with exit code 2", async () => {
  await using commands = await createTestCommands();
  for (const sample of ["0", "2", "many", ""]) {
    const { code, err } = await commands.run("tap", "--sample", sample);
    assert.equal(code, 2);
    assert.match(err, /--sample: '.*' is not a number above 0 and up to 1/);
  }
});
