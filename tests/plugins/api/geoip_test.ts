/** `meta.geoip.locate` from inside the fence. */
import assert from "node:assert/strict";
import { GeoIpCalls } from "../../../src/plugins/api/geoip_calls.ts";
import type { PluginApi } from "../../../src/plugins/types.ts";
import { GeoIpDatabase } from "../../../src/mmdb/geoip_database.ts";
import { LINKOEPING, writeMmdb } from "../../mmdb/mmdb_writer.ts";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

const SOURCE = `
  exports.processEvent = async (event, { geoip }) => {
    try {
      const found = await geoip.locate(event.properties.ip);
      event.properties.city = found === null ? null : found.city.names.en;
    } catch (error) {
      event.properties.error = error.message;
    }
    return event;
  };`;

Deno.test("a plugin locates addresses, those of one turn in one message", async () => {
  const geoip = new GeoIpCalls(
    await GeoIpDatabase.open(writeMmdb({ "89.160.20.112/28": LINKOEPING })),
  );
  const frames: number[] = [];
  const api: PluginApi = {
    call: (configs, calls) => {
      frames.push(calls.length);
      return geoip.call(configs, calls);
    },
  };
  await using fenced = fence([{ source: SOURCE }], { tasksPerWorker: 50 }, api);
  const wrong = ["localhost", "", null, 5, { a: 1 }, ["89.160.20.113"], "x".repeat(1_000)];
  const outcomes = await fenced.run(
    Array.from(
      { length: 100 },
      (_, number) =>
        pluginEvent(number, { ip: number < wrong.length ? wrong[number] : "89.160.20.113" }),
    ),
  );
  const cities = propertiesOf(outcomes).map((properties) => properties?.city);
  assert.deepEqual(cities.slice(0, wrong.length), wrong.map(() => null));
  assert.deepEqual(new Set(cities.slice(wrong.length)), new Set(["Linköping"]));
  assert.equal(frames.reduce((sum, size) => sum + size, 0), 100);
  assert.ok(frames.length <= 4, `${frames.length} messages for 100 look-ups`);
});

Deno.test("a plugin may change what it was told: the next answer does not show it", async () => {
  const source = `
    exports.processEvent = async (event, { geoip }) => {
      const city = await geoip.locate(event.properties.ip);
      event.properties.told = [city.city.names["zh-CN"], city.traits.ipAddress, city.changed];
      city.city.names["zh-CN"] = city.changed = "changed";
      return event;
    };`;
  const database = await GeoIpDatabase.open(writeMmdb({ "89.160.20.112/28": LINKOEPING }));
  await using fenced = fence([{ source }], {}, new GeoIpCalls(database));
  for (const ip of ["89.160.20.113", "89.160.20.114", "89.160.20.113"]) {
    const [properties] = propertiesOf(await fenced.run([pluginEvent(1, { ip })]));
    assert.deepEqual(properties?.told, ["林雪平", ip, null]);
  }
});

Deno.test("without a database the plugin sees the error that it knows", async () => {
  const api = new GeoIpCalls({
    locate: () => {
      throw new Error("IP location capabilities are not available in this PostHog instance!");
    },
  });
  await using fenced = fence([{ source: SOURCE }], {}, api);
  const [properties] = propertiesOf(await fenced.run([pluginEvent(1, { ip: "89.160.20.113" })]));
  assert.equal(
    properties?.error,
    "IP location capabilities are not available in this PostHog instance!",
  );
});
