/** Where IP addresses are: the database in force, and how a newer one takes its place. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../errors.ts";
import type { City } from "./city.ts";
import { GeoIpDatabase } from "./geoip_database.ts";

/** What plugins of PostHog's plugin server were told, word for word. */
export const NOT_AVAILABLE = "IP location capabilities are not available in this PostHog instance!";

/** A database that was found, not read yet. */
export interface FoundDatabase {
  /** Of the file, for messages. */
  readonly name: string;
  /** Changes when the file does. */
  readonly version: string;
  read(): Promise<Uint8Array>;
}

/** Where databases are looked for. */
export interface DatabasePlace {
  /** For messages: `MMDB_FILE (/data/city.mmdb)`. */
  readonly name: string;
  /** Null where there is none. */
  look(): Promise<FoundDatabase | null>;
}

/** Puts a new database where it is found. */
export interface Download {
  /** Resolves with false where another server is at it. */
  run(): Promise<boolean>;
}

export interface GeoIpOptions {
  /** How often it is looked whether there is another database. */
  readonly lookMs: number;
  /** An older one is replaced, where that is wanted, and said to be old. */
  readonly maxAgeDays: number;
}

const DAY_MS = 86_400_000;
/** After one that failed. */
const NEXT_DOWNLOAD_MS = 3_600_000;

export class GeoIp {
  readonly #place: DatabasePlace;
  readonly #download: Download | null;
  readonly #options: GeoIpOptions;
  readonly #log = getLogger(["paddock", "geoip"]);
  #database: GeoIpDatabase | null = null;
  /** Of what was read last, whether it could be used or not. */
  #version: string | null = null;
  #unavailable: string | null = "the database was not looked for yet";
  #saidOld: string | null = null;
  #damage: string | null = null;
  #nextDownload = 0;
  #looking: Promise<void> | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param download null where a database is to come from elsewhere */
  constructor(place: DatabasePlace, download: Download | null, options: GeoIpOptions) {
    this.#place = place;
    this.#download = download;
    this.#options = options;
  }

  /** Why addresses cannot be located, or only by an old or damaged database; null if all is well. */
  get unavailable(): string | null {
    return this.#unavailable ?? this.#damage ?? this.#saidOld;
  }

  /** Looks now, which nobody has to wait for, and then ever again. */
  start(): void {
    this.look();
    this.#timer = setInterval(() => this.look(), this.#options.lookMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Takes another database into force if there is one. Never rejects. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().catch((error) => {
      this.#complain(`${this.#place.name} cannot be read: ${errorMessage(error)}`);
    }).finally(() => this.#looking = null);
  }

  /**
   * Null where the address is none, or not in the database.
   * @throws Error with the words that plugins know where there is no database
   */
  locate(ip: string): City | null {
    if (this.#database === null) throw new Error(NOT_AVAILABLE);
    try {
      return this.#database.locate(ip);
    } catch (error) {
      if (this.#damage === null) {
        this.#damage = `the database is damaged: ${errorMessage(error)}`;
        this.#log.warn`${this.#damage}`;
      }
      return null;
    }
  }

  async #look(): Promise<void> {
    await this.#readIfNew();
    const ageDays = this.#database === null
      ? Infinity
      : (Date.now() - this.#database.builtAt.getTime()) / DAY_MS;
    if (ageDays <= this.#options.maxAgeDays) {
      this.#saidOld = null;
      return;
    }
    if (this.#database !== null && this.#saidOld === null) {
      this.#saidOld = `the database is ${Math.round(ageDays)} days old`;
      this.#log.warn`${this.#saidOld}`;
    }
    await this.#downloadNow();
  }

  async #readIfNew(): Promise<void> {
    const found = await this.#place.look();
    if (found === null) {
      if (this.#database === null) this.#complain(`there is no database in ${this.#place.name}`);
      return;
    }
    if (found.version === this.#version) return;
    const bytes = await found.read();
    this.#version = found.version;
    try {
      const database = await GeoIpDatabase.open(bytes);
      this.#log.info`${found.name}: ${database.type} of ${database.builtAt.toISOString()}`;
      // What was being located by the one before is done already: no look-up waits for anything.
      this.#database = database;
      [this.#unavailable, this.#damage, this.#saidOld] = [null, null, null];
    } catch (error) {
      const goesOn = this.#database === null ? "" : "; the one before stays in force";
      this.#complain(`${found.name} cannot be used: ${errorMessage(error)}${goesOn}`);
    }
  }

  async #downloadNow(): Promise<void> {
    const now = performance.now();
    if (this.#download === null || now < this.#nextDownload) return;
    try {
      if (await this.#download.run()) await this.#readIfNew();
    } catch (error) {
      this.#nextDownload = now + NEXT_DOWNLOAD_MS;
      this.#complain(`no database could be downloaded: ${errorMessage(error)}`);
    }
  }

  #complain(reason: string): void {
    if (this.#unavailable !== reason) this.#log.warn`${reason}`;
    this.#unavailable = reason;
  }
}
