/** A real server with its console, as a test looks at it. */
import assert from "node:assert/strict";
import { createTestDatabase, type TestDatabase } from "../services/database.ts";
import { type ServerProcess, startServerProcess } from "../services/server_process.ts";
import type { TestBrowser } from "./browser.ts";

const PICTURES = "dist/screenshots";
/** Where `deno task docs:screenshots` wants those anew that are there already. */
const DOCUMENTED = Deno.env.get("PADDOCK_SCREENSHOTS");

export interface Scene extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly console: string;
  readonly database: TestDatabase;
  readonly apiKey: string;
  /** Posts an event as a client library does. */
  post(event: string, properties?: Record<string, unknown>): Promise<void>;
}

/** @param env settings besides the stores and the ports */
export async function startScene(env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const database = await createTestDatabase();
  const server = await startServerProcess({
    DATABASE_URL: database.url,
    REDIS_URL: "none",
    CONSOLE_PORT: "0",
    ...env,
  });
  const console = /the console is at (http:[^"\s]+)/.exec(server.output())?.[1];
  const [team] = await database.database.query<{ api_token: string }>(
    "SELECT api_token FROM posthog_team WHERE id = 1",
  );
  assert.ok(console !== undefined && team !== undefined, server.output());
  return {
    server,
    console,
    database,
    apiKey: team.api_token,
    async post(event, properties = {}) {
      const body = JSON.stringify({
        api_key: team.api_token,
        event,
        distinct_id: "ann@example.com",
        properties,
        $set: { email: "ann@example.com" },
      });
      const response = await fetch(`${server.address}/e/`, { method: "POST", body });
      assert.equal(response.status, 200, await response.text());
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Looks a page over: its picture, and what axe says of it. */
export async function look(
  { page, accessibilityProblems }: TestBrowser,
  name: string,
): Promise<void> {
  assert.deepEqual(await accessibilityProblems(), [], name);
  await Deno.mkdir(PICTURES, { recursive: true });
  await page.evaluate("scrollTo(0, 0)");
  const path = `${PICTURES}/${name}.png`;
  const picture = await page.screenshot({ path });
  assert.ok(picture.byteLength > 5_000, "it is not an empty page");
  if (DOCUMENTED === undefined) return;
  const shown = `${DOCUMENTED}/${name}.png`;
  const isShown = await Deno.stat(shown).then(() => true, () => false);
  if (isShown) await Deno.copyFile(path, shown);
}
