/** How the settings say that ClickHouse is reached. */
import { X509Certificate } from "node:crypto";
import { isAbsolute, join } from "node:path";
import { errorMessage, PaddockError } from "../errors.ts";
import type { ClickHouseOptions } from "../stores/clickhouse/client.ts";
import type { TablePlace } from "../stores/clickhouse/tables.ts";
import type { Config } from "./config.ts";

const PORTS = { http: 8123, https: 8443 } as const;

/** @throws PaddockError PDK_CONFIG_INVALID naming the setting that cannot be used */
export async function clickHouseOptions(config: Config): Promise<ClickHouseOptions> {
  const protocol = config.CLICKHOUSE_SECURE ? "https" : "http";
  const host = config.CLICKHOUSE_HOST ?? "localhost";
  const hasPort = /^(\[[^\]]+\]|[^:]+):\d{1,5}$/.test(host);
  let url: URL;
  try {
    url = new URL(`${protocol}://${hasPort ? host : `${host}:${PORTS[protocol]}`}`);
  } catch {
    throw invalid(`CLICKHOUSE_HOST: '${host}' is neither a host nor host:port`);
  }
  return {
    url: url.origin,
    database: config.CLICKHOUSE_DATABASE ?? "default",
    user: config.CLICKHOUSE_USER ?? "default",
    password: config.CLICKHOUSE_PASSWORD ?? "",
    ca: await authority(config),
  };
}

/** Where `--migrate` makes tables, and what they read. */
export function clickHouseTables(config: Config): TablePlace {
  return {
    database: config.CLICKHOUSE_DATABASE ?? "default",
    brokers: config.CLICKHOUSE_KAFKA_HOSTS || config.KAFKA_HOSTS || "",
    topicPrefix: config.KAFKA_PREFIX ?? "",
    flushMs: config.CLICKHOUSE_KAFKA_FLUSH_MS,
  };
}

async function authority(config: Config): Promise<Uint8Array | null> {
  const { CLICKHOUSE_CA: file, BASE_DIR: base } = config;
  if (!file) return null;
  const path = isAbsolute(file) ? file : join(base ?? ".", file);
  try {
    const pem = await Deno.readFile(path);
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw invalid(`CLICKHOUSE_CA: ${path} cannot be used: ${errorMessage(error)}`);
  }
}

function invalid(message: string): PaddockError {
  return new PaddockError("PDK_CONFIG_INVALID", message);
}
