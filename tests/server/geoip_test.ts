/** Where the server takes its GeoIP database from, and what it does without one. */
import assert from "node:assert/strict";
import { brotliCompressSync } from "node:zlib";
import { pushEvents } from "../../src/sources/celery/producer.ts";
import type { PartHealth } from "../../src/health.ts";
import { MmdbAttachment } from "../../src/stores/postgres/mmdb_attachment.ts";
import { LINKOEPING, writeMmdb } from "../mmdb/mmdb_writer.ts";
import { createTestDatabase } from "../services/database.ts";
import { eventually } from "../services/eventually.ts";
import { prepareDatabase } from "../services/pipeline.ts";
import { installPlugin } from "../services/plugin_rows.ts";
import { createTestQueue } from "../services/redis_queue.ts";
import { startServerProcess } from "../services/server_process.ts";
import { rawEvent } from "../services/raw_event.ts";

const SOURCE = `
  exports.processEvent = async (event, { geoip }) => {
    const found = await geoip.locate("89.160.20.113").catch((error) => error.message);
    event.properties.found = found?.city?.names.en ?? found;
    return event;
  };`;

const NOT_AVAILABLE = "IP location capabilities are not available in this PostHog instance!";

Deno.test("the GeoIP database comes from the table, a download or a file; without one all goes on [5.geoip]", async () => {
  await using test = await createTestDatabase();
  await using queue = await createTestQueue();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  await installPlugin(database, { name: "GeoIP", source: SOURCE, teamId });
  const attachment = new MmdbAttachment(database);
  const baseDir = await Deno.makeTempDir();

  /** What the plugin finds on a server with these settings, and how the server says geoip is. */
  const found = async (env: Record<string, string>, isExpected: (geoip: PartHealth) => boolean) => {
    const server = await startServerProcess({
      DATABASE_URL: test.url,
      REDIS_URL: queue.url,
      PLUGINS_CELERY_QUEUE: queue.queue,
      BASE_DIR: baseDir,
      ...env,
    });
    await eventually(async () => {
      const { ready, parts } = await (await fetch(`${server.address}/_ready`)).json();
      // It does its work without: ready, whatever is said of geoip.
      return ready && isExpected(parts.geoip);
    });
    await database.query("DELETE FROM posthog_event");
    await pushEvents(queue.redis, queue.queue, [
      rawEvent(teamId, "visitor", { event: "e", properties: {} }),
    ]);
    let rows: { found: string }[] = [];
    await eventually(async () => {
      rows = await database.query("SELECT properties->>'found' AS found FROM posthog_event");
      return rows.length === 1;
    });
    assert.equal(await server.stop(), 0, server.output());
    return rows[0]?.found;
  };
  const isWell = ({ isWell }: PartHealth) => isWell;
  const says = (reason: RegExp) => (geoip: PartHealth) => reason.test(geoip.reason ?? "");

  assert.equal(await found({}, says(/there is no database in the table/)), NOT_AVAILABLE);

  await attachment.replace("GeoLite2-City-2021-10-26.mmdb.br", brotliCompressSync("broken"));
  assert.equal(await found({}, says(/2021-10-26.mmdb.br cannot be used/)), NOT_AVAILABLE);

  const whole = writeMmdb({ "89.160.20.112/28": LINKOEPING });
  await attachment.replace("GeoLite2-City-2021-10-27.mmdb.br", brotliCompressSync(whole));
  assert.equal(await found({}, isWell), "Linköping");
  assert.equal(await found({ DISABLE_MMDB: "1" }, isWell), NOT_AVAILABLE);

  await database.query("DELETE FROM posthog_pluginattachment");
  await using site = serveOnLoopback(() => new Response(whole));
  const download = { MMDB_DOWNLOAD: "1", MMDB_DOWNLOAD_URL: site.url };
  assert.equal(await found(download, isWell), "Linköping");
  assert.match(
    (await attachment.find())?.fileName ?? "",
    /^GeoLite2-City-\d{4}-\d\d-\d\d.mmdb.br$/,
  );
  await database.query("DELETE FROM posthog_pluginattachment");
  await using away = serveOnLoopback(() => new Response("no", { status: 503 }));
  assert.equal(
    await found({ ...download, MMDB_DOWNLOAD_URL: away.url }, says(/answered 503/)),
    NOT_AVAILABLE,
  );

  await Deno.writeFile(`${baseDir}/city.mmdb`, whole);
  assert.equal(await found({ MMDB_FILE: "city.mmdb" }, isWell), "Linköping");
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a database that is named and another that is asked for contradict each other", async () => {
  await using test = await createTestDatabase();
  await assert.rejects(
    startServerProcess({
      DATABASE_URL: test.url,
      REDIS_URL: "none",
      MMDB_FILE: "x",
      MMDB_DOWNLOAD: "1",
    }),
    /PDK_CONFIG_CONFLICT|MMDB_FILE names a database/,
  );
});

function serveOnLoopback(answer: () => Response): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
