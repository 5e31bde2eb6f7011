/**
 * What the Dockerfile lays out, laid out without a container engine: the files its first stage
 * copies, the packages it caches, and the entry point run as another user who may write nothing but
 * the data folder, with no package registry to reach.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createFirstProject } from "../../src/stores/postgres/first_project.ts";
import { migrate } from "../../src/stores/migrations/migrate.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { startServerProcess } from "../services/server_process.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const NOBODY = 65534;

/** Instruction → its arguments, of a whole Dockerfile. */
function instructions(text: string): (readonly [name: string, words: string])[] {
  return text.replaceAll("\\\n", " ").split("\n").flatMap((line) => {
    const [, name, words] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, words as string] as const];
  });
}

async function run(command: string, args: readonly string[], options: Deno.CommandOptions = {}) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    ...options,
    args: [...args],
  })
    .output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, `${command} ${args.join(" ")}\n${output}`);
  return output;
}

/** Lays out the image in `folder` as the Dockerfile's first stage does. */
async function layOut(steps: ReturnType<typeof instructions>, app: string, cache: string) {
  for (const [name, words] of steps) {
    if (name === "FROM" && !/ AS /.test(words)) break;
    if (name === "COPY") {
      const [target, ...sources] = words.split(/\s+/).reverse() as [string, ...string[]];
      await run("cp", ["-r", ...sources.map((source) => `${ROOT}${source}`), `${app}/${target}`]);
    }
    if (name === "RUN") {
      const [program, ...args] = words.split(/\s+/);
      assert.equal(program, "deno");
      await run(Deno.execPath(), args, { cwd: app, env: { DENO_DIR: cache } });
    }
  }
}

Deno.test("the image's files are enough to take an event, change and store it", async () => {
  const steps = instructions(await Deno.readTextFile(`${ROOT}Dockerfile`));
  const [, entrypoint] = steps.find(([name]) => name === "ENTRYPOINT") ?? [];
  const folder = await Deno.makeTempDir();
  const [app, cache, data] = [`${folder}/app`, `${folder}/deno-dir`, `${folder}/data`];
  try {
    for (const path of [app, cache, data]) await Deno.mkdir(path);
    for (const path of [folder, app, cache, data]) await Deno.chmod(path, 0o755);
    await layOut(steps, app, cache);
    const isRoot = Deno.uid() === 0;
    if (isRoot) await Deno.chown(data, NOBODY, NOBODY);
    // Where this one lies, another user may not be let in.
    const program = `${folder}/deno`;
    await Deno.copyFile(Deno.execPath(), program);

    await using rows = await createTestDatabase();
    const { database } = rows;
    await migrate(database);
    const project = await createFirstProject(database);
    assert.ok(project);
    const source = "export const processEvent = (event) => ({ ...event, event: 'unpacked' });";
    await installPlugin(database, { name: "unpack", source, teamId: project.teamId });
    const [init, separator, deno, ...args] = JSON.parse(entrypoint ?? "") as string[];
    assert.deepEqual([init, separator, deno], ["/tini", "--", "deno"]);
    const server = await startServerProcess({
      DENO_DIR: cache,
      BASE_DIR: data,
      DATABASE_URL: rows.url,
      REDIS_URL: "none",
      // Whatever is not in the cache fails to load.
      HTTPS_PROXY: "http://127.0.0.1:9/",
    }, { program, args, cwd: app, ...(isRoot ? { uid: NOBODY } : {}) });
    try {
      const answer = await fetch(`${server.address}/e/`, {
        method: "POST",
        body: JSON.stringify({ api_key: project.apiToken, event: "packed", distinct_id: "me" }),
      });
      assert.equal(answer.status, 200, await answer.text());
      let stored: { event: string }[] = [];
      await eventually(async () => {
        stored = await database.query<{ event: string }>("SELECT event FROM posthog_event");
        return stored.length > 0;
      });
      assert.deepEqual(stored, [{ event: "unpacked" }], server.output());
    } finally {
      assert.equal(await server.stop(), 0, server.output());
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
