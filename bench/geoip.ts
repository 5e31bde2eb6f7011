/**
 * How many addresses plugins locate: `meta.geoip.locate` from inside the fence, 100 at a time, in
 * records as large as MaxMind's own (names in eight languages).
 *
 *   deno task bench:geoip [--lookups=200000]
 */
import { GeoIpCalls } from "../src/plugins/api/geoip_calls.ts";
import { GeoIpDatabase } from "../src/mmdb/geoip_database.ts";
import { writeMmdb } from "../tests/mmdb/mmdb_writer.ts";
import { fence, pluginEvent, propertiesOf } from "../tests/plugins/fence.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, { lookups: { type: "string", default: "200000" } });
const lookups = Number(values.lookups);
const BATCH = 100;

const names = (name: string) =>
  Object.fromEntries(
    ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"].map((language) => [language, name]),
  );

const place = (number: number) => ({
  city: { geoname_id: 2694762 + number, names: names(`City ${number}`) },
  continent: { code: "EU", geoname_id: 6255148, names: names("Europe") },
  country: {
    geoname_id: 2661886,
    is_in_european_union: true,
    iso_code: "SE",
    names: names("Sweden"),
  },
  location: {
    accuracy_radius: 76,
    latitude: 58.4167,
    longitude: 15.6167,
    time_zone: "Europe/Stockholm",
  },
  registered_country: { geoname_id: 2921044, iso_code: "DE", names: names("Germany") },
  subdivisions: [{ geoname_id: 2685867, iso_code: "E", names: names("Östergötland County") }],
});

const database = await GeoIpDatabase.open(
  writeMmdb(Object.fromEntries(
    Array.from(
      { length: 2_000 },
      (_, number) => [`20.${number >> 8}.${number & 255}.0/24`, place(number)],
    ),
  )),
);

/** Four batches are under way at a time, as where several events are processed. */
const SOURCE = `
exports.processEvent = async (event, { geoip }) => {
  const { batches, batch } = event.properties;
  let number = 0, found = 0;
  const work = async () => {
    while (number < batches * batch) {
      const ips = Array.from({ length: batch }, () => {
        const each = number++;
        return "20." + (each % 2000 >> 8) + "." + (each % 2000 & 255) + "." + (each % 251);
      });
      for (const city of await Promise.all(ips.map((ip) => geoip.locate(ip)))) {
        if (city !== null) found++;
      }
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  event.properties.found = found;
  return event;
};`;

const limits = { heapMb: 256, dataMb: 0, nice: 0 };
await using fenced = fence(
  [{ source: SOURCE }],
  { taskTimeoutMs: 120_000, limits },
  new GeoIpCalls(database),
);
const locate = async (count: number) => {
  const event = pluginEvent(1, { batch: BATCH, batches: count / BATCH });
  const [properties] = propertiesOf(await fenced.run([event]));
  if (properties?.found !== count) throw new Error(`found ${properties?.found} of ${count}`);
};
await locate(20_000);
const began = performance.now();
await locate(lookups);
const seconds = (performance.now() - began) / 1000;
console.log(`geoip.locate in batches of ${BATCH}: ${Math.round(lookups / seconds)}/s`);
