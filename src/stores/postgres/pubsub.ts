import { setTimeout as sleep } from "node:timers/promises";
// @ts-types="@types/pg"
import type pg from "pg";
import { getLogger } from "@logtape/logtape";
import { errorMessage, PaddockError } from "../../errors.ts";
import type { PubSub } from "../pubsub.ts";
import type { Database } from "./database.ts";

/** What NOTIFY carries at most. */
const MAX_PAYLOAD_BYTES = 7_999;
const LONGEST_RECONNECT_MS = 2_000;

/** LISTEN and NOTIFY, on a connection of its own that is opened again whenever it is lost. */
export class PostgresPubSub implements PubSub {
  readonly #database: Database;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  readonly #log = getLogger(["paddock", "pubsub"]);
  readonly #closing = new AbortController();
  #client: Promise<pg.Client> | null = null;

  constructor(database: Database) {
    this.#database = database;
  }

  async subscribe(
    channel: string,
    onMessage: (payload: string) => void,
  ): Promise<() => Promise<void>> {
    const handlers = this.#handlers.get(channel) ?? new Set();
    const first = handlers.size === 0;
    handlers.add(onMessage);
    this.#handlers.set(channel, handlers);
    const client = await (this.#client ??= this.#connect());
    if (first) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    return async () => {
      handlers.delete(onMessage);
      if (handlers.size > 0 || this.#client === null) return;
      this.#handlers.delete(channel);
      try {
        const current = await this.#client;
        await current.query(`UNLISTEN ${current.escapeIdentifier(channel)}`);
      } catch (error) {
        // The connection is gone, and the subscription with it.
        this.#log.debug`UNLISTEN failed: ${errorMessage(error)}`;
      }
    };
  }

  async publish(channel: string, payload: string): Promise<void> {
    if (new TextEncoder().encode(payload).byteLength > MAX_PAYLOAD_BYTES) {
      throw new PaddockError("PDK_USAGE", `a message of over ${MAX_PAYLOAD_BYTES} bytes`);
    }
    await this.#database.query("SELECT pg_notify($1, $2)", [channel, payload]);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const client = this.#client;
    this.#client = null;
    if (client !== null) await client.then((open) => open.end(), () => {});
  }

  async #connect(): Promise<pg.Client> {
    const client = await this.#database.connectAlone();
    client.on("notification", ({ channel, payload }) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(payload ?? "");
    });
    client.on("end", () => {
      if (!this.#closing.signal.aborted) this.#client = this.#reconnect();
    });
    return client;
  }

  async #reconnect(): Promise<pg.Client> {
    this.#log.warn`connection lost: listening again as soon as Postgres answers`;
    for (let wait = 50;; wait = Math.min(wait * 2, LONGEST_RECONNECT_MS)) {
      await sleep(wait, undefined, { signal: this.#closing.signal });
      try {
        const client = await this.#connect();
        for (const channel of this.#handlers.keys()) {
          await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
        }
        for (const handlers of this.#handlers.values()) {
          for (const handler of handlers) handler("");
        }
        this.#log.info`listening again`;
        return client;
      } catch (error) {
        this.#log.debug`not yet: ${errorMessage(error)}`;
      }
    }
  }
}
