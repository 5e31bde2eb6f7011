/** `paddock plugins test` and `run`: no database is there, and none is needed. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/cli/commands.ts";
import { writePlugin } from "./command_run.ts";

const EXAMPLES = fileURLToPath(import.meta.resolve("../../examples/plugins/"));

async function run(...argv: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  // A port where nothing listens: whoever asked for the database would not get far.
  const environment = { DATABASE_URL: "postgres://127.0.0.1:1/none", REDIS_URL: "none" };
  const code = await runCommand(argv, environment, {
    print: (text) => out.push(text),
    complain: (text) => err.push(text),
  });
  return { code, out: out.join("\n").replaceAll(/ \(\d+ ms\)/g, ""), err: err.join("\n") };
}

/** A folder with a plugin that is gone afterwards. */
async function pluginFolder(files: Readonly<Record<string, string>>) {
  const folder = await Deno.makeTempDir();
  await writePlugin(folder, { "plugin.json": '{ "name": "Tried" }', ...files });
  return {
    folder,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

for (const name of ["drop-bots", "hello", "visitor-counter"]) {
  Deno.test(`the example ${name} does what its fixtures expect`, async () => {
    const { code, out, err } = await run("plugins", "test", `${EXAMPLES}${name}`);
    assert.equal(code, 0, out + err);
    assert.match(out, /^\d passed, 0 failed$/m);
  });
}

Deno.test("a fixture that is not met names each place, and the exit code is 1", async () => {
  await using plugin = await pluginFolder({
    "index.js": `
      export function processEvent(event) {
        if (event.properties.bad) throw new Error("bad event")
        event.properties.list = [1, 2]
        console.log("saw", event.event)
        return event
      }`,
    "fixtures/good.json": JSON.stringify({
      events: [{}],
      expect: { events: [{ properties: { list: "<any>" } }] },
    }),
    "fixtures/wrong.json": JSON.stringify({
      events: [{ event: "a" }, { properties: { bad: true } }],
      expect: {
        events: [{ properties: { list: [1, 3], more: null } }, null],
        logs: [],
      },
    }),
  });
  const { code, out, err } = await run("plugins", "test", plugin.folder);
  assert.equal(code, 1, err);
  assert.match(out, /ok {5}good\.json\nFAILED wrong\.json/);
  for (
    const line of [
      "events[0].properties.list[1]: expected 3, got 2",
      "events[0].properties.more: expected null, got nothing",
      "events[1]: expected null, got {",
      'logs[0]: not expected, got "LOG saw a"',
      'errors[0]: not expected, got "bad event"',
      "1 passed, 1 failed",
    ]
  ) assert.ok(out.includes(line), `${line}\nis not in\n${out}`);
  const only = await run("plugins", "test", plugin.folder, "--only", "good");
  assert.equal(only.code, 0);
});

Deno.test("a fixture with a member that there is not is refused by name", async () => {
  await using plugin = await pluginFolder({
    "index.js": "",
    "fixtures/odd.json": JSON.stringify({ expect: { event: [] } }),
  });
  const { code, err } = await run("plugins", "test", plugin.folder);
  assert.equal(code, 2);
  assert.match(err, /odd\.json: 'expect': there is no member 'event'/);
  const none = await run("plugins", "test", plugin.folder, "--only", "nothing");
  assert.equal(none.code, 2);
  assert.match(none.err, /there is no fixtures\/\*nothing\*\.json/);
});

Deno.test("the outside is a web server of the fixture's; jobs, captures and metrics are noted", async () => {
  await using plugin = await pluginFolder({
    "index.js": `
      exports.metrics = { sent: "sum" }
      exports.jobs = { later: async ({ n }, { storage }) => { await storage.set("ran", n) } }
      exports.onEvent = async (event, { config, jobs, metrics }) => {
        const answer = await fetch(config.url + "/in?x=1", { method: "POST", body: JSON.stringify({ a: 1 }) })
        console.log(answer.status, (await answer.json()).done)
        metrics.sent.increment(2)
        await jobs.later({ n: 1 }).runIn(2, "minutes")
        posthog.capture("sent", { distinct_id: event.distinct_id, n: 3 })
        await fetch("https://example.org/").catch((error) => console.warn(error.name))
      }`,
    "fixtures/all.json": JSON.stringify({
      config: { url: "{endpoint}" },
      responses: { "POST /in": { status: 202, body: { done: true } } },
      events: [{ event: "a" }],
      calls: [{ job: "later", payload: { n: 9 } }],
      expect: {
        logs: ["LOG 202 true", "WARN FetchError"],
        refused: ["<any>"],
        requests: [{ method: "POST", path: "/in?x=1", body: { a: 1 } }],
        captured: [{ event: "sent", distinct_id: "visitor", properties: { n: 3 } }],
        jobs: [{ job: "later", payload: { n: 1 }, runInMs: 120_000 }],
        storage: { ran: 9 },
        metrics: { sent: 2 },
      },
    }),
  });
  const { code, out, err } = await run("plugins", "test", plugin.folder);
  assert.equal(code, 0, out + err);
});

Deno.test("run shows what one event becomes", async () => {
  const event = JSON.stringify({ event: "hello", properties: { a: 1 } });
  const { code, out, err } = await run(
    "plugins",
    "run",
    `${EXAMPLES}hello`,
    "--event",
    event,
    "--config",
    "greeting=Hi",
  );
  assert.equal(code, 0, err);
  assert.equal(out, '+ properties.greeting: "Hi"\nlogs: LOG greeting with "Hi"');
  const dropped = await run(
    "plugins",
    "run",
    `${EXAMPLES}drop-bots`,
    "--event",
    '{"properties":{"$user_agent":"bot"}}',
  );
  assert.equal(dropped.out, "- the event is dropped");
});

Deno.test("programs get the same as JSON", async () => {
  const tested = await run("plugins", "test", `${EXAMPLES}hello`, "--json");
  assert.deepEqual(JSON.parse(tested.out), [{ fixture: "greets.json", failures: [] }]);
  const event = '{"event":"hello","distinct_id":"me"}';
  const one = await run("plugins", "run", `${EXAMPLES}hello`, "--event", event, "--json");
  assert.equal(JSON.parse(one.out).events[0].properties.greeting, "Hello, world!");
});
