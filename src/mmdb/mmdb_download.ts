/** Fetches a GeoIP database, on one server of the cluster at a time. */
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import { getLogger } from "@logtape/logtape";
import type { LeaseStore } from "../stores/lease.ts";
import type { Download } from "./geoip.ts";
import { GeoIpDatabase } from "./geoip_database.ts";

const compress = promisify(brotliCompress);

const LOCK = "paddock:locks:mmdb-download";
/** For connecting, and for all of it. */
const FETCH_MS = 120_000;
/** Of what is sent; MaxMind's City has a quarter of it. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Where a database is kept for all servers. */
export interface MmdbShelf {
  replace(fileName: string, contents: Uint8Array): Promise<void>;
}

export class MmdbDownload implements Download {
  readonly #url: string;
  readonly #shelf: MmdbShelf;
  readonly #leases: LeaseStore;
  readonly #log = getLogger(["paddock", "geoip"]);

  /** @param url MMDB_DOWNLOAD_URL: answers with a `.mmdb`, plain or compressed by Brotli */
  constructor(url: string, shelf: MmdbShelf, leases: LeaseStore) {
    this.#url = url;
    this.#shelf = shelf;
    this.#leases = leases;
  }

  /** @throws Error saying what went wrong; nothing was changed then */
  async run(): Promise<boolean> {
    const lease = await this.#leases.acquire(LOCK, FETCH_MS);
    if (lease === null) return false;
    try {
      this.#log.info`downloading from ${this.#url}`;
      const response = await fetch(this.#url, { signal: AbortSignal.timeout(FETCH_MS) });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`${this.#url} answered ${response.status}`);
      }
      const bytes = await readBounded(response);
      const { type, builtAt } = await GeoIpDatabase.open(bytes);
      const name = `${type.replace(/[^\w-]/g, "-")}-${builtAt.toISOString().slice(0, 10)}.mmdb.br`;
      await this.#shelf.replace(name, await compressed(bytes));
      return true;
    } finally {
      await lease.release().catch(() => {});
    }
  }
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes were sent`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** The stored form is always compressed; what came so is kept as it came. */
async function compressed(bytes: Uint8Array): Promise<Uint8Array> {
  if (!GeoIpDatabase.isPlain(bytes)) return bytes;
  return await compress(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
