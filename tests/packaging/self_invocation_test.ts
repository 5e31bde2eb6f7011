/**
 * The parts of a program that starts itself, as a compiled one does: here `main.ts` under Deno with
 * every permission stands where the compiled program would.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { partArguments, type SelfInvocation } from "../../src/own_parts.ts";
import { BuildProcess } from "../../src/plugins/source/build_process.ts";
import { fence, pluginEvent, propertiesOf, type TestPlugin } from "../plugins/fence.ts";

const path = (name: string) => fileURLToPath(import.meta.resolve(name));

const DENO: SelfInvocation = [
  "run",
  "--allow-all",
  "--quiet",
  "--no-prompt",
  "--frozen",
  "--cached-only",
  "--unstable-worker-options",
];
const SELF: SelfInvocation = [...DENO, path("../../main.ts")];

/** Runs one event through the plugins, in processes that this program started by starting itself. */
async function propertiesFrom(...plugins: TestPlugin[]): Promise<Record<string, unknown> | null> {
  await using fenced = fence(plugins, { runtime: SELF });
  const outcomes = await fenced.run([pluginEvent(1)]);
  return propertiesOf(outcomes)[0] ?? null;
}

/** A plugin that tries each of these and writes down what came of it. */
function attempting(attempts: Readonly<Record<string, string>>, grants: readonly string[] = []) {
  const entries = Object.entries(attempts).map(([name, code]) =>
    `${JSON.stringify(name)}: async () => { ${code} }`
  );
  return {
    grants,
    source: `
      const attempts = { ${entries.join(",\n")} };
      exports.processEvent = async (event) => {
        for (const name of Object.keys(attempts)) {
          try { await attempts[name](); event.properties[name] = "possible" }
          catch { event.properties[name] = "refused" }
        }
        return event;
      }`,
  };
}

/** A server of this machine that counts who comes. */
async function withListener(
  run: (url: string, visits: () => number) => Promise<void>,
): Promise<void> {
  let visits = 0;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) {
      visits++;
      connection.close();
    }
  })();
  try {
    await run(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`, () => visits);
  } finally {
    listener.close();
    await accepting;
  }
}

Deno.test("without permissions nothing is possible, and none comes back", async () => {
  await withListener(async (url, visits) => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...DENO, path("./drop_permissions_program.ts"), url],
    }).output();
    const words = new TextDecoder().decode(stdout);
    assert.notEqual(words, "", new TextDecoder().decode(stderr));
    const found = JSON.parse(words) as Record<string, string>;
    assert.ok(Object.keys(found).length > 12);
    assert.deepEqual(Object.entries(found).filter(([, what]) => what !== "refused"), []);
    assert.equal(visits(), 0, "nobody was reached");
  });
});

Deno.test("a plugin host has given up everything before it reads anything", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...DENO, path("./sealed_host_program.ts")],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  // Nothing was written to it: this it says of its own accord.
  let said = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("\n")) break;
  }
  assert.equal(said.trim(), "sealed []");
  await child.stdin.close();
  assert.equal((await child.status).code, 0);
});

Deno.test("events pass through plugins in processes that this program started itself", async () => {
  const properties = await propertiesFrom(
    { source: "exports.processEvent = (e) => { e.properties.plain = 1; return e }" },
    {
      source: `
        const { createPool } = require("generic-pool");
        exports.processEvent = (e) => { e.properties.library = typeof createPool; return e }`,
    },
  );
  assert.deepEqual([properties?.plain, properties?.library], [1, "function"]);
});

Deno.test("attacks fail there as they do elsewhere", async () => {
  await withListener(async (url, visits) => {
    const { port } = new URL(url);
    const attempts = {
      read: "const text = await Deno.readTextFile('/etc/hosts'); if (!text) throw 1",
      "read by a module": "require('fs').readFileSync('/etc/hosts')",
      env: "if (!Object.keys(Deno.env.toObject()).length) throw 1",
      "env of process": "if (!Object.keys(process.env).length) throw 1",
      run: "await new Deno.Command('true').output()",
      "run by a module": "require('child_process').execSync('true')",
      import: "await import('file:///etc/hosts')",
      fetch: `await fetch('${url}')`,
      "fetch by name": `await fetch('http://localhost:${port}')`,
      connect: `await Deno.connect({ port: ${port} })`,
      "connect by a module": `require('net').connect(${port})`,
      "a worker": "new Worker('data:text/javascript,1', { type: 'module' })",
      "another function's world": "Function('return Deno')().pid.toFixed()",
    };
    for (const grants of [[], ["192.0.2.1"]]) {
      const properties = await propertiesFrom(attempting(attempts, grants));
      const possible = Object.keys(attempts).filter((name) => properties?.[name] !== "refused");
      assert.deepEqual(possible, [], `with grants ${JSON.stringify(grants)}`);
    }
    assert.equal(visits(), 0, "nobody was reached");
  });
});

Deno.test("what is not granted is refused by the gateway, which this program started too", async () => {
  await using fenced = fence(
    [attempting({ fetch: "await fetch('http://192.0.2.1/')" }, ["192.0.2.7"])],
    { runtime: SELF },
  );
  const [properties] = propertiesOf(await fenced.run([pluginEvent(1)]));
  assert.equal(properties?.fetch, "refused");
  assert.ok(fenced.egress.pid !== null, "the gateway runs");
});

Deno.test("a plugin that takes memory without end costs its own process", async () => {
  await using fenced = fence([
    {
      source: `exports.processEvent = (event) => {
        if (event.properties.number !== 1) return event;
        const kept = [];
        for (;;) kept.push(new Array(10_000).fill(kept.length + 0.5));
      }`,
    },
  ], { runtime: SELF, taskTimeoutMs: 30_000 });
  const outcomes = await fenced.run([pluginEvent(1)]);
  assert.equal(propertiesOf(outcomes).length, 1);
  assert.match(fenced.logText(), /more memory than it may/);
  const after = await fenced.run([pluginEvent(2)]);
  assert.equal(propertiesOf(after)[0]?.number, 2, "the next event passes");
});

Deno.test("plugins are built in a process that this program started itself", async () => {
  await using builder = new BuildProcess({ self: SELF });
  const { code } = await builder.build({
    digest: "plugin Self ID 1",
    version: "1",
    content: new Map([
      ["plugin.json", '{"name":"Self"}'],
      ["index.ts", "export const processEvent = (event: { a: number }) => event"],
    ]),
  });
  assert.match(code.files.get(code.main) ?? "", /processEvent/);
});

Deno.test("a compiled program starts itself with the part's name first", () => {
  assert.deepEqual(partArguments([], "plugin-host", ["a", "b"]), ["plugin-host", "a", "b"]);
});
