/** Where addresses are: what plugins get, and databases that come, go, and are broken. */
import assert from "node:assert/strict";
import { brotliCompressSync } from "node:zlib";
import { mmdbFile } from "../../src/mmdb/mmdb_file.ts";
import { readCity } from "../../src/mmdb/city.ts";
import { GeoIp } from "../../src/mmdb/geoip.ts";
import { GeoIpDatabase } from "../../src/mmdb/geoip_database.ts";
import { LINKOEPING, writeMmdb } from "./mmdb_writer.ts";

const NETWORKS = {
  "89.160.20.112/28": LINKOEPING,
  "2001:218::/32": { country: { iso_code: "JP", geoname_id: 1861060, names: { en: "Japan" } } },
};

const OPTIONS = { lookMs: 3_600_000, maxAgeDays: 45 };

async function withFile(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/city.mmdb`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a plugin is told. */
function cityOf(database: GeoIpDatabase, ip: string) {
  const city = database.locate(ip);
  return city === null ? null : readCity(city) as Record<string, Record<string, unknown>>;
}

Deno.test("an address has a City record in camel case, with the traits that are always there", async () => {
  const database = await GeoIpDatabase.open(writeMmdb(NETWORKS));
  assert.deepEqual(database.locate("89.160.20.129"), null);
  assert.deepEqual(cityOf(database, "89.160.20.113"), {
    city: { geonameId: 2694762, names: { de: "Linköping", en: "Linköping", "zh-CN": "林雪平" } },
    continent: { code: "EU", geonameId: 6255148, names: { de: "Europa", en: "Europe" } },
    country: {
      geonameId: 2661886,
      isInEuropeanUnion: true,
      isoCode: "SE",
      names: { de: "Schweden", en: "Sweden", "pt-BR": "Suécia" },
    },
    location: {
      accuracyRadius: 76,
      latitude: 58.4167,
      longitude: 15.6167,
      timeZone: "Europe/Stockholm",
    },
    registeredCountry: {
      geonameId: 2921044,
      isInEuropeanUnion: false,
      isoCode: "DE",
      names: { en: "Germany" },
    },
    subdivisions: [{ geonameId: 2685867, isoCode: "E", names: { en: "Östergötland County" } }],
    traits: {
      isAnonymous: false,
      isAnonymousProxy: false,
      isAnonymousVpn: false,
      isHostingProvider: false,
      isLegitimateProxy: false,
      isPublicProxy: false,
      isResidentialProxy: false,
      isSatelliteProvider: false,
      isTorExitNode: false,
      ipAddress: "89.160.20.113",
      network: "89.160.20.112/28",
    },
  });
});

Deno.test("IPv6 and mapped addresses are located; what is no address is nowhere", async () => {
  const database = await GeoIpDatabase.open(writeMmdb(NETWORKS));
  const networkOf = (ip: string) => cityOf(database, ip)?.traits?.network ?? null;
  assert.equal(networkOf("2001:218:85a3::8a2e:370:7334"), "2001:218::/32");
  assert.equal(networkOf("::ffff:89.160.20.113"), "89.160.20.112/28");
  for (
    const wrong of ["", "localhost", "asdfgh", "1.2.3", "1.2.3.4.5", "127.0.0.1", "::", "::1%lo"]
  ) assert.equal(database.locate(wrong), null, wrong);
});

Deno.test("a database that was cut short, or is none, is refused with the reason", async () => {
  const whole = writeMmdb(NETWORKS);
  const cases: readonly [Uint8Array, RegExp][] = [
    [new Uint8Array(), /no MMDB file/],
    [whole.subarray(0, whole.length / 2), /no MMDB file, or its end is missing/],
    [brotliCompressSync(whole.subarray(0, 100)), /compressed in it is no MMDB/],
    [brotliCompressSync(whole).subarray(0, 50), /no MMDB file/],
    [new Uint8Array([...whole.subarray(0, 90), ...whole.subarray(150)]), /search tree/],
    [whole.subarray(0, whole.length - 40), /metadata/],
  ];
  for (const [bytes, message] of cases) await assert.rejects(GeoIpDatabase.open(bytes), message);
  const compressed = await GeoIpDatabase.open(brotliCompressSync(whole));
  assert.equal(compressed.type, "GeoLite2-City");
});

Deno.test("a file may come later, be replaced, and be broken: what was good stays in force", async () => {
  await withFile(async (path) => {
    const geoip = new GeoIp(mmdbFile(path), null, OPTIONS);
    await geoip.look();
    assert.match(geoip.unavailable ?? "", /there is no database in MMDB_FILE/);
    assert.throws(() => geoip.locate("89.160.20.113"), {
      message: "IP location capabilities are not available in this PostHog instance!",
    });

    await Deno.writeFile(path, writeMmdb(NETWORKS));
    await geoip.look();
    assert.equal(geoip.unavailable, null);
    assert.ok(geoip.locate("89.160.20.113"));

    await Deno.writeFile(path, writeMmdb({ "1.2.0.0/16": LINKOEPING }));
    await geoip.look();
    assert.equal(geoip.locate("89.160.20.113"), null);
    assert.ok(geoip.locate("1.2.3.4"));

    const broken = writeMmdb(NETWORKS);
    await Deno.writeFile(path, broken.subarray(0, broken.length / 2));
    await geoip.look();
    assert.match(geoip.unavailable ?? "", /city.mmdb cannot be used: .*the one before stays/);
    assert.ok(geoip.locate("1.2.3.4"));

    await Deno.remove(path);
    await geoip.look();
    assert.ok(geoip.locate("1.2.3.4"), "what is in memory does not need its file");
  });
});

Deno.test("a database that is damaged inside answers null there, and says so", async () => {
  await withFile(async (path) => {
    const bytes = writeMmdb(NETWORKS);
    const at = new TextDecoder("latin1").decode(bytes).indexOf("geoname_id");
    // A type that there is not, in place of the length of the first record's first name.
    bytes.set([0, 0], at - 1);
    await Deno.writeFile(path, bytes);
    const geoip = new GeoIp(mmdbFile(path), null, OPTIONS);
    await geoip.look();
    assert.equal(geoip.locate("89.160.20.113"), null);
    assert.match(geoip.unavailable ?? "", /the database is damaged/);
    assert.ok(geoip.locate("2001:218::1"), "the rest of it is as good as before");
  });
});

Deno.test("an old database stays in force, is said to be old, and is replaced where that is wanted", async () => {
  await withFile(async (path) => {
    const old = new Date(Date.now() - 50 * 86_400_000);
    await Deno.writeFile(path, writeMmdb(NETWORKS, { builtAt: old }));
    let downloads = 0;
    const geoip = new GeoIp(mmdbFile(path), {
      run: async () => {
        if (++downloads === 1) throw new Error("it answered 503");
        await Deno.writeFile(path, writeMmdb({ "1.2.0.0/16": LINKOEPING }));
        return true;
      },
    }, OPTIONS);
    await geoip.look();
    assert.match(geoip.unavailable ?? "", /could be downloaded: it answered 503/);
    assert.ok(geoip.locate("89.160.20.113"));
    await geoip.look();
    assert.equal(downloads, 1, "the next try is an hour away");

    const other = new GeoIp(mmdbFile(path), {
      run: async () => {
        await Deno.writeFile(path, writeMmdb({ "1.2.0.0/16": LINKOEPING }));
        return true;
      },
    }, OPTIONS);
    await other.look();
    assert.equal(other.unavailable, null);
    assert.ok(other.locate("1.2.3.4"));

    await Deno.writeFile(path, writeMmdb(NETWORKS, { builtAt: old }));
    const alone = new GeoIp(mmdbFile(path), null, OPTIONS);
    await alone.look();
    assert.match(alone.unavailable ?? "", /50 days old/);
    assert.ok(alone.locate("89.160.20.113"));
  });
});
