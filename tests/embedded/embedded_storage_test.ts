/** The server on its own Postgres, treated as a machine treats it. */
import assert from "node:assert/strict";
import { runCommand } from "../../src/cli/commands.ts";
import { recordStorage, type StorageChoice } from "../../src/config/storage_choice.ts";
import { createTestDatabase } from "../services/database.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";

async function withFolder(
  run: (baseDir: string) => Promise<void>,
  recorded: StorageChoice | null = "embedded",
): Promise<void> {
  const baseDir = await Deno.makeTempDir();
  await Deno.chmod(baseDir, 0o755);
  if (recorded !== null) await recordStorage(baseDir, recorded);
  await run(baseDir);
  await Deno.remove(baseDir, { recursive: true });
}

async function post(server: ServerProcess, apiKey: string): Promise<void> {
  const response = await fetch(`${server.address}/e/`, {
    method: "POST",
    body: JSON.stringify({ api_key: apiKey, event: "e", distinct_id: "d" }),
  });
  assert.equal(response.status, 200, await response.text());
}

async function apiKeyOf(server: ServerProcess): Promise<string> {
  for (let wait = 0; wait < 100; wait++) {
    const key = /API key: (phc_\w+)/.exec(server.output())?.[1];
    if (key !== undefined) return key;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no key in: ${server.output()}`);
}

Deno.test("data and project stay over a restart, and the key works again", async () => {
  await withFolder(async (baseDir) => {
    const first = await startServerProcess({ BASE_DIR: baseDir });
    const apiKey = await apiKeyOf(first);
    await post(first, apiKey);
    assert.equal(await first.stop(), 0);
    const second = await startServerProcess({ BASE_DIR: baseDir });
    await post(second, apiKey);
    assert.doesNotMatch(second.output(), /first project/);
    assert.match(second.output(), /embedded Postgres, data in /);
    assert.equal(await second.stop(), 0);
    const { mode } = await Deno.stat(`${baseDir}/.paddock/postgres/password`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("a second server on the same folder is refused, naming the first", async () => {
  await withFolder(async (baseDir) => {
    const first = await startServerProcess({ BASE_DIR: baseDir });
    await assert.rejects(startServerProcess({ BASE_DIR: baseDir }), (error: unknown) => {
      assert.match(String(error), /ended with code 1/);
      assert.match(String(error), new RegExp(`another Paddock \\(pid ${first.pid}\\) uses`));
      assert.match(String(error), /PDK_DIRECTORY_IN_USE/);
      return true;
    });
    await post(first, await apiKeyOf(first));
    assert.equal(await first.stop(), 0);
  });
});

Deno.test("what a killed server left running is adopted, and stopped in the end", async () => {
  await withFolder(async (baseDir) => {
    const first = await startServerProcess({ BASE_DIR: baseDir });
    const apiKey = await apiKeyOf(first);
    await first.kill();
    const pidFile = `${baseDir}/.paddock/postgres/data/postmaster.pid`;
    const orphan = Number((await Deno.readTextFile(pidFile)).split("\n")[0]);
    const second = await startServerProcess({ BASE_DIR: baseDir });
    assert.match(
      second.output(),
      new RegExp(`adopted the Postgres of an earlier run \\(pid ${orphan}\\)`),
    );
    await post(second, apiKey);
    assert.equal(await second.stop(), 0);
    await assert.rejects(Deno.stat(pidFile), Deno.errors.NotFound);
  });
});

Deno.test("after an external database nothing silently starts an empty one", async () => {
  await withFolder(async (baseDir) => {
    await using test = await createTestDatabase();
    const external = { BASE_DIR: baseDir, DATABASE_URL: test.url, REDIS_URL: "none" };
    assert.equal(await runCommand(["teams", "list"], external, { print() {}, complain() {} }), 0);
    await assert.rejects(Deno.stat(`${baseDir}/.paddock`), Deno.errors.NotFound, "by a command");
    const server = await startServerProcess(external);
    assert.equal(await server.stop(), 0);
    await assert.rejects(startServerProcess({ BASE_DIR: baseDir }), (error: Error) => {
      assert.match(error.message, /external database before: set DATABASE_URL/);
      return true;
    });
  }, null);
});
