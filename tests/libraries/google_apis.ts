/**
 * As much of Google's REST interfaces for BigQuery and Cloud Storage as the exporters use, on
 * loopback: there is no emulator of either that comes as a package.
 */
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface GoogleApis extends AsyncDisposable {
  readonly port: number;
  /** insertId → row, as BigQuery forgets repeats. */
  readonly rows: ReadonlyMap<string, Record<string, unknown>>;
  /** Schema of the table that was made. */
  readonly schema: () => string | null;
  /** Name → contents of the objects in buckets. */
  readonly objects: ReadonlyMap<string, string>;
  /** `Authorization` headers, each once. */
  readonly authorizations: ReadonlySet<string>;
}

export async function startGoogleApis(): Promise<GoogleApis> {
  const rows = new Map<string, Record<string, unknown>>();
  const objects = new Map<string, string>();
  const authorizations = new Set<string>();
  let schema: string | null = null;

  const answer = (method: string, url: URL, body: Buffer, type: string): unknown => {
    const path = url.pathname;
    if (/\/tables\/[^/]+\/insertAll$/.test(path)) {
      if (schema === null) return null;
      for (const { insertId, json } of JSON.parse(body.toString()).rows) rows.set(insertId, json);
      return { kind: "bigquery#tableDataInsertAllResponse" };
    }
    if (method === "POST" && path.endsWith("/tables")) {
      const table = JSON.parse(body.toString());
      schema = JSON.stringify(table.schema.fields);
      return table;
    }
    if (/\/tables\/[^/]+$/.test(path)) {
      return schema === null ? null : { schema: { fields: JSON.parse(schema) } };
    }
    if (/^\/upload\/storage\/v1\/b\/[^/]+\/o/.test(path)) {
      const [, contents = ""] = multipart(body, type);
      const name = url.searchParams.get("name") as string;
      objects.set(name, contents);
      const crc = Buffer.alloc(4);
      crc.writeUInt32BE(crc32c(Buffer.from(contents)));
      return { kind: "storage#object", name, crc32c: crc.toString("base64") };
    }
    return null;
  };

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    authorizations.add(request.headers.authorization ?? "");
    const url = new URL(request.url ?? "/", "http://localhost");
    const type = request.headers["content-type"] ?? "";
    const found = answer(request.method ?? "", url, Buffer.concat(chunks), type);
    response.statusCode = found === null ? 404 : 200;
    response.setHeader("content-type", "application/json");
    const error = { code: 404, message: `Not found: ${url.pathname}` };
    response.end(JSON.stringify(found ?? { error: { ...error, errors: [error] } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    rows,
    objects,
    authorizations,
    schema: () => schema,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The checksum by which clients know that all arrived (CRC-32C, RFC 3720, appendix B.4). */
function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** The contents of a `multipart/related` body's parts. */
function multipart(body: Buffer, type: string): string[] {
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1] ?? "";
  return body.toString("utf8").split(`--${boundary}`).slice(1, -1)
    .map((part) => part.slice(part.indexOf("\r\n\r\n") + 4).replace(/\r\n$/, ""));
}
