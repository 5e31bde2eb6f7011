/** One opened GeoIP database. */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import ipaddr from "ipaddr.js";
import { LRUCache } from "lru-cache";
import { Reader, type Response } from "maxmind";
import { errorMessage } from "../errors.ts";
import { type City, cityOf, sharedPart } from "./city.ts";

const decompress = promisify(brotliDecompress);

/** Decompressed; the largest that MaxMind sells has a tenth of it. */
const MAX_BYTES = 1024 * 1024 * 1024;
/** Addresses whose answer is kept: a visitor's events come close together. */
const KEPT_ANSWERS = 10_000;
/** Records that are kept decoded: many addresses share one. */
const KEPT_RECORDS = 5_000;
/** In front of the metadata, which is the last part of the file. */
const METADATA_MARK = Buffer.from("abcdef4d61784d696e642e636f6d", "hex");
/** Between the search tree and what it points to. */
const SEPARATOR_BYTES = 16;

export class GeoIpDatabase {
  /** E.g. `GeoLite2-City`. */
  readonly type: string;
  readonly builtAt: Date;
  readonly #reader: Reader<Response>;
  /** By what the reader decoded and keeps. */
  readonly #shared = new WeakMap<object, string>();
  readonly #answers = new LRUCache<string, { readonly city: City | null }>({ max: KEPT_ANSWERS });

  private constructor(reader: Reader<Response>) {
    this.#reader = reader;
    this.type = reader.metadata.databaseType;
    this.builtAt = reader.metadata.buildEpoch;
  }

  /**
   * Opens a `.mmdb`, plain or compressed by Brotli.
   * @throws Error saying what is wrong with it
   */
  static async open(bytes: Uint8Array): Promise<GeoIpDatabase> {
    let plain = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!GeoIpDatabase.isPlain(plain)) {
      try {
        plain = await decompress(plain, { maxOutputLength: MAX_BYTES }) as Buffer<ArrayBuffer>;
      } catch {
        throw new Error("it is no MMDB file, or its end is missing");
      }
      if (!GeoIpDatabase.isPlain(plain)) {
        throw new Error("what is compressed in it is no MMDB file");
      }
    }
    let reader: Reader<Response>;
    try {
      reader = new Reader<Response>(plain, {
        cache: new LRUCache<string | number, object>({ max: KEPT_RECORDS }),
      });
    } catch (error) {
      throw new Error(`its metadata cannot be read: ${errorMessage(error)}`);
    }
    const { searchTreeSize, databaseType, buildEpoch } = reader.metadata;
    const separator = plain.subarray(searchTreeSize, searchTreeSize + SEPARATOR_BYTES);
    // Where something in the middle is missing, what the metadata says of the tree does not fit.
    if (separator.length < SEPARATOR_BYTES || separator.some((byte) => byte !== 0)) {
      throw new Error("its search tree does not end where its metadata says");
    }
    if (typeof databaseType !== "string" || Number.isNaN(buildEpoch.getTime())) {
      throw new Error("its metadata lacks a type or a date");
    }
    return new GeoIpDatabase(reader);
  }

  /** Whether it is a database that is not compressed. */
  static isPlain(bytes: Uint8Array): boolean {
    // The metadata is the last of the file, and short.
    const end = bytes.subarray(-128 * 1024);
    return Buffer.from(end.buffer, end.byteOffset, end.byteLength).includes(METADATA_MARK);
  }

  /**
   * Null where the address is none or not in the database.
   * @throws Error where the database is damaged at this place
   */
  locate(ip: string): City | null {
    const kept = this.#answers.get(ip);
    if (kept !== undefined) return kept.city;
    const city = this.#locate(ip);
    this.#answers.set(ip, { city });
    return city;
  }

  #locate(ip: string): City | null {
    if (isIP(ip) === 0) return null;
    // `::ffff:1.2.3.4` is where 1.2.3.4 is.
    const address = ipaddr.process(ip.split("%", 1)[0] as string);
    if (address.kind() === "ipv6" && this.#reader.metadata.ipVersion === 4) return null;
    const [record, prefix] = this.#reader.getWithPrefixLength(address.toString());
    if (record === null || typeof record !== "object") return null;
    let shared = this.#shared.get(record);
    if (shared === undefined) this.#shared.set(record, shared = sharedPart(record));
    return cityOf(shared, ip, networkOf(address, prefix));
  }
}

function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): string {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & 0xff << 8 - kept;
  });
  return `${ipaddr.fromByteArray(bytes)}/${prefix}`;
}
