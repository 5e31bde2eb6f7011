/** The part of the composition root that knows where IP addresses are. */
import { resolve } from "node:path";
import { getLogger } from "@logtape/logtape";
import type { Config } from "./config/config.ts";
import { errorMessage, PaddockError } from "./errors.ts";
import { type DatabasePlace, type Download, GeoIp, NOT_AVAILABLE } from "./mmdb/geoip.ts";
import { MmdbDownload } from "./mmdb/mmdb_download.ts";
import { mmdbFile } from "./mmdb/mmdb_file.ts";
import { MmdbServer } from "./mmdb/mmdb_server.ts";
import type { Locator } from "./plugins/api/geoip_calls.ts";
import type { StopStack } from "./stop_stack.ts";
import type { Storage } from "./storage.ts";
import { PostgresLeaseStore } from "./stores/postgres/lease.ts";
import { MmdbAttachment } from "./stores/postgres/mmdb_attachment.ts";

const OPTIONS = { lookMs: 60_000, maxAgeDays: 45 };

/** Where addresses are located, and why they are not; null if all is well. */
export interface StartedGeoIp extends Locator {
  readonly unavailable: string | null;
}

/**
 * Looks for a database without waiting for it, and answers on INTERNAL_MMDB_SERVER_PORT. What is
 * started is put on `started`.
 * @throws PaddockError PDK_CONFIG_CONFLICT
 */
export function startGeoIp(config: Config, storage: Storage, started: StopStack): StartedGeoIp {
  if (config.DISABLE_MMDB) {
    return {
      unavailable: null,
      locate: () => {
        throw new Error(NOT_AVAILABLE);
      },
    };
  }
  if (config.MMDB_FILE && config.MMDB_DOWNLOAD) {
    throw new PaddockError(
      "PDK_CONFIG_CONFLICT",
      "MMDB_FILE names a database and MMDB_DOWNLOAD asks for another",
    );
  }
  const log = getLogger(["paddock", "geoip"]);
  const attachment = new MmdbAttachment(storage.database);
  const place = config.MMDB_FILE
    ? mmdbFile(resolve(config.BASE_DIR ?? ".", config.MMDB_FILE))
    : inTable(attachment);
  const download: Download | null = config.MMDB_DOWNLOAD
    ? new MmdbDownload(
      config.MMDB_DOWNLOAD_URL ?? "",
      attachment,
      new PostgresLeaseStore(storage.database),
    )
    : null;
  const geoip = new GeoIp(place, download, OPTIONS);
  geoip.start();
  started.push("geoip", () => geoip.stop());
  let notListening: string | null = null;
  try {
    const server = new MmdbServer(geoip, config.INTERNAL_MMDB_SERVER_PORT);
    started.push("mmdb server", () => server.close());
    log.debug`the internal MMDB server listens on 127.0.0.1:${server.port}`;
  } catch (error) {
    notListening = `INTERNAL_MMDB_SERVER_PORT ${config.INTERNAL_MMDB_SERVER_PORT}: ${
      errorMessage(error)
    }`;
    log.warn`${notListening}`;
  }
  return {
    get unavailable() {
      return geoip.unavailable ?? notListening;
    },
    locate: (ip) => geoip.locate(ip),
  };
}

function inTable(attachment: MmdbAttachment): DatabasePlace {
  return {
    name: "the table posthog_pluginattachment",
    async look() {
      const found = await attachment.find();
      if (found === null) return null;
      const { id, fileName } = found;
      return { name: fileName, version: String(id), read: () => attachment.read(id) };
    },
  };
}
