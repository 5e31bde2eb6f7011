/** Plugins of `plugins/` on a server of their own: real database, real fence, real job queue. */
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { PluginStorage } from "../../src/stores/postgres/plugin_storage.ts";
import { PostgresPluginCache } from "../../src/stores/postgres/plugin_cache.ts";
import { StoredPluginApi } from "../../src/plugins/api/plugin_api.ts";
import type { PluginSpec } from "../../src/plugins/types.ts";
import { builtCode } from "../plugins/built_plugin.ts";
import { createTestDatabase, type TestDatabase } from "../services/database.ts";
import { feed, item, prepareDatabase } from "../services/pipeline.ts";
import { installedSpecs, type PluginServer, startPluginServer } from "../services/plugin_server.ts";

export interface PluginRun extends AsyncDisposable {
  readonly test: TestDatabase;
  readonly teamId: number;
  readonly server: PluginServer;
  readonly specs: readonly PluginSpec[];
  /** Sends events with these properties through the pipeline; resolves when they are stored. */
  send(events: readonly (Record<string, unknown> & { event?: string })[]): Promise<void>;
  /** Sends events numbered from `from`. */
  sendNumbers(from: number, count: number): Promise<void>;
}

export interface PluginRunOptions {
  readonly config: Record<string, unknown>;
  readonly grants: readonly string[];
  /** Key → text of an uploaded file. */
  readonly attachments?: Readonly<Record<string, string>>;
}

/** Installs `plugins/NAME.ts` and starts a server for it. */
export async function runPlugin(name: string, options: PluginRunOptions): Promise<PluginRun> {
  const file = fileURLToPath(import.meta.resolve(`./plugins/${name}.ts`));
  const code = await builtCode({ "index.ts": await Deno.readTextFile(file) });
  const test = await createTestDatabase();
  const teamId = await prepareDatabase(test.database);
  const attachments = Object.fromEntries(
    Object.entries(options.attachments ?? {}).map(([key, text]) => [key, {
      contentType: "application/json",
      fileName: `${key}.json`,
      contents: Buffer.from(text),
    }]),
  );
  const config = {
    exportEventsBufferSeconds: "1",
    exportEventsBufferBytes: "4000",
    ...options.config,
  };
  const { grants } = options;
  const installed = await installedSpecs(test.database, teamId, [
    { name, source: "", code, config, grants },
  ]);
  const specs = installed.map((spec) => ({
    ...spec,
    configs: spec.configs.map((each) => ({ ...each, attachments })),
  }));
  const cache = new PostgresPluginCache(test.database);
  const server = await startPluginServer(test.database, specs, {
    api: new StoredPluginApi(cache, new PluginStorage(test.database)),
    // Room for what libraries need on a machine that is busy.
    hosts: { taskTimeoutMs: 15_000 },
    jobs: {
      url: test.url,
      policies: {
        plugin: { attempts: 3, firstWaitSeconds: 0.1 },
        export: { attempts: 15, firstWaitSeconds: 0.1 },
      },
    },
  });
  const send: PluginRun["send"] = (events) =>
    feed(
      server.pipeline,
      events.map(({ event = "seen", ...properties }) => item(teamId, { event, properties })),
    );
  return {
    test,
    teamId,
    server,
    specs,
    send,
    sendNumbers: (from, count) =>
      send(Array.from({ length: count }, (_, index) => ({ number: from + index }))),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await cache.close();
      await test[Symbol.asyncDispose]();
    },
  };
}
