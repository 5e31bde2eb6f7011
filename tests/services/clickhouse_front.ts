/**
 * ClickHouse's HTTP interface over its engine in this process. Started by `clickhouse.ts`, with one
 * argument: the options as JSON. Statements run one after the other, as the engine has one session.
 */
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import http from "node:http";
import { createRequire } from "node:module";
import process from "node:process";
import zlib from "node:zlib";

interface Options {
  readonly packages: string;
  readonly port: number;
  readonly data: string;
}

interface Session {
  queryAsync(sql: string, options?: { format: string }): Promise<{ bytes(): Uint8Array }>;
}

const options = JSON.parse(process.argv[2] ?? "{}") as Options;
const chdb = createRequire(`${options.packages}/front.js`)("chdb") as {
  Session: new (folder: string) => Session;
};
const session = new chdb.Session(options.data);

/** Parameters of the interface that are no settings of the engine. */
const OWN_PARAMETERS = new Set([
  ...["query", "query_id", "database", "default_format", "session_id", "session_timeout"],
  ...["compress", "enable_http_compression", "user", "password", "wait_end_of_query", "role"],
  ...["send_progress_in_http_headers", "http_headers_progress_interval_ms"],
]);

/** The engine does not count, so the numbers are not real; clients only want them to be there. */
const SUMMARY = JSON.stringify({ read_rows: "0", written_rows: "0", elapsed_ns: "0" });

let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work);
  last = result.catch(() => {});
  return result;
}

const quoted = (value: string) => `'${value.replace(/[\\']/g, "\\$&")}'`;

async function run(parameters: URLSearchParams, sql: string, data: Buffer): Promise<Buffer> {
  await session.queryAsync(`USE \`${parameters.get("database") ?? "default"}\``);
  for (const [name, value] of parameters) {
    if (!OWN_PARAMETERS.has(name)) await session.queryAsync(`SET ${name} = ${quoted(value)}`);
  }
  const statement = data.length > 0 ? `${sql}\n${data.toString()}` : sql;
  const format = parameters.get("default_format") ?? "TabSeparated";
  return Buffer.from((await session.queryAsync(statement, { format })).bytes());
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<unknown> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/ping") return response.end("Ok.\n");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  let body: Buffer = Buffer.concat(chunks);
  if (request.headers["content-encoding"] === "gzip") body = zlib.gunzipSync(body);
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("multipart/form-data")) {
    // Parameters that are too long for an address come as fields, and the statement as one of them.
    const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } })
      .formData();
    for (const [name, value] of form) {
      if (name === "query") body = Buffer.from(String(value));
      else searchParams.set(name, String(value));
    }
  }
  const inAddress = searchParams.get("query");
  response.setHeader("X-ClickHouse-Query-Id", searchParams.get("query_id") ?? randomUUID());
  response.setHeader("X-ClickHouse-Summary", SUMMARY);
  try {
    const rows = await inTurn(() =>
      inAddress === null
        ? run(searchParams, body.toString(), Buffer.alloc(0))
        : run(searchParams, inAddress, body)
    );
    const compress = searchParams.get("enable_http_compression") === "1" &&
      String(request.headers["accept-encoding"]).includes("gzip");
    if (compress) response.setHeader("Content-Encoding", "gzip");
    return response.end(compress ? zlib.gzipSync(rows) : rows);
  } catch (error) {
    const message = String(error instanceof Error ? error.message : error);
    const code = /Code: (\d+)/.exec(message)?.[1] ?? "0";
    response.statusCode = code === "60" || code === "81" ? 404 : 500;
    response.setHeader("X-ClickHouse-Exception-Code", code);
    return response.end(`${message.replace(/^Query failed: /, "")}\n`);
  }
}

http.createServer(answer).listen(options.port, "127.0.0.1");
