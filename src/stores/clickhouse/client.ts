/** ClickHouse over HTTP, for what the server itself asks of it. */
import { Buffer } from "node:buffer";
import {
  type ClickHouseClient,
  ClickHouseError,
  ClickHouseLogLevel,
  createClient,
} from "@clickhouse/client";
import { errorMessage, PaddockError } from "../../errors.ts";
import { NOBODY, type Observer } from "../../telemetry/observer.ts";
import { timed } from "../../telemetry/timed.ts";

export interface ClickHouseOptions {
  /** Without a path, e.g. `https://clickhouse:8443`. */
  readonly url: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** PEM text of the authority that it is checked against; null for those of the system. */
  readonly ca: Uint8Array | null;
}

const TIMEOUT_MS = 30_000;

export class ClickHouse {
  readonly database: string;
  readonly #client: ClickHouseClient;
  readonly #observer: Observer;

  /** @param observer told of every statement */
  constructor(options: ClickHouseOptions, observer: Observer = NOBODY) {
    this.#observer = observer;
    const { url, database, user, password, ca } = options;
    this.database = database;
    this.#client = createClient({
      url,
      database,
      username: user,
      password,
      request_timeout: TIMEOUT_MS,
      application: "paddock",
      // Long lists of values do not fit into an address.
      use_multipart_params_auto: true,
      // What goes wrong is thrown, and said by whoever asked.
      log: { level: ClickHouseLogLevel.OFF },
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
      ...(ca === null ? {} : { tls: { ca_cert: Buffer.from(ca) } }),
    });
  }

  /**
   * @param statement with `{name: Type}` where a value belongs; never built from values
   * @param timeoutMs how long the answer may take
   * @throws PaddockError PDK_CLICKHOUSE_UNAVAILABLE, or PDK_CLICKHOUSE_REFUSED with its words
   */
  async query<Row>(
    statement: string,
    values: Readonly<Record<string, unknown>> = {},
    timeoutMs = TIMEOUT_MS,
  ): Promise<Row[]> {
    return await this.#answered(async () => {
      const result = await this.#client.query({
        query: statement,
        query_params: values,
        abort_signal: AbortSignal.timeout(timeoutMs),
        format: "JSONEachRow",
      });
      return await result.json<Row>();
    });
  }

  /** A statement that brings no rows. Throws as `query` does. */
  async command(statement: string): Promise<void> {
    await this.#answered(() => this.#client.command({ query: statement }));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #answered<T>(ask: () => Promise<T>): Promise<T> {
    return timed(this.#observer, "clickhouse", "query", () => answered(ask));
  }
}

async function answered<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ClickHouseError) {
      const words = error.message.trim().slice(0, 1_000);
      throw new PaddockError("PDK_CLICKHOUSE_REFUSED", `ClickHouse: ${words}`, { cause: error });
    }
    throw new PaddockError(
      "PDK_CLICKHOUSE_UNAVAILABLE",
      `ClickHouse (CLICKHOUSE_HOST): ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
