/**
 * As much of Snowflake's REST interface as its client uses to log in and to run a statement, on
 * loopback.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

interface Statement {
  readonly sqlText: string;
  /** Position → values, one per row. */
  readonly bindings?: Record<string, { readonly value: unknown }>;
}

export interface SnowflakeServer extends AsyncDisposable {
  readonly port: number;
  readonly statements: readonly Statement[];
  /** Sessions that were opened, and closed. */
  readonly sessions: { opened: number; closed: number };
}

export async function startSnowflake(user: string, password: string): Promise<SnowflakeServer> {
  const statements: Statement[] = [];
  const sessions = { opened: 0, closed: 0 };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const body = await readBody(request);
    const answer = (value: Record<string, unknown>) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ code: null, message: null, success: true, ...value }));
    };
    if (pathname === "/session/v1/login-request") {
      const { LOGIN_NAME, PASSWORD } = body.data as Record<string, string>;
      if (LOGIN_NAME !== user || PASSWORD !== password) {
        return answer({
          success: false,
          code: "390100",
          message: "Incorrect username or password.",
        });
      }
      sessions.opened++;
      return answer({
        data: { token: "session", masterToken: "master", parameters: [], sessionInfo: {} },
      });
    }
    if (pathname === "/session/logout-request") {
      sessions.closed++;
      return answer({ data: null });
    }
    if (request.headers.authorization !== 'Snowflake Token="session"') {
      response.statusCode = 401;
      return answer({ success: false });
    }
    statements.push(body as unknown as Statement);
    answer({
      data: {
        parameters: [],
        rowtype: [{ name: "status", type: "text", nullable: true, length: 100 }],
        rowset: [["done"]],
        total: 1,
        returned: 1,
        queryId: `query-${statements.length}`,
        queryResultFormat: "json",
        statementTypeId: 4096,
        version: 1,
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    statements,
    sessions,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
  return text.length === 0 ? {} : JSON.parse(text.toString());
}
