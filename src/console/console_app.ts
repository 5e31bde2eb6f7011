/** The console's requests: who may make them, and where they go. */
import { getLogger } from "@logtape/logtape";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { getCookie, setCookie } from "hono/cookie";
import { secureHeaders } from "hono/secure-headers";
import * as v from "valibot";
import { errorMessage, PaddockError } from "../errors.ts";
import type { ClientAddress } from "../http/client_address.ts";
import { VERSION } from "../version.ts";
import { assetRoutes } from "./assets.ts";
import type { ConsoleEnv } from "./console_env.ts";
import { RateLimit } from "./rate_limit.ts";
import { sameSecret, SESSION_MS, Sessions } from "./sessions.ts";

export interface ConsoleAccess {
  /** What signs in; null lets in whoever reaches this machine's own address by its own names. */
  readonly token: string | null;
  readonly clients: ClientAddress;
}

const COOKIE = "paddock_console";
const LOOPBACK_HOSTS = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
/** Archives and attachments come as base64 inside JSON. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

const LOGINS = { limit: 10, windowMs: 60_000 };
const REQUESTS = { limit: 600, windowMs: 10_000 };

/** @param api everything below `/api` that needs a session */
export function consoleApp(access: ConsoleAccess, api: Hono<ConsoleEnv>): Hono<ConsoleEnv> {
  const sessions = new Sessions();
  const logins = new RateLimit(LOGINS);
  const requests = new RateLimit(REQUESTS);
  const app = new Hono<ConsoleEnv>();
  app.onError((error, c) => refusal(error, c));
  app.notFound((c) => c.json({ error: `there is nothing at ${c.req.path}` }, 404));
  app.use(secureHeaders({
    // No text of a plugin or a visitor can become code: nothing inline runs, and nothing from elsewhere.
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      // The style library has its icons as addresses of data.
      imgSrc: ["'self'", "data:"],
      connectSrc: ["'self'"],
      formAction: ["'none'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
    },
    xFrameOptions: "DENY",
    referrerPolicy: "no-referrer",
    // The console speaks HTTP; whoever puts TLS before it decides about this.
    strictTransportSecurity: false,
  }));
  app.use(async (c, next) => {
    const client = access.clients.of(c.env.peer, c.req.header("x-forwarded-for") ?? null);
    c.set("client", client);
    const waitMs = requests.take(client);
    if (waitMs > 0) return tooMany(c, waitMs);
    // A page elsewhere could point its own name at this machine and read what it likes.
    if (access.token === null && !LOOPBACK_HOSTS.test(c.req.header("host") ?? "")) {
      return c.json({ error: "without CONSOLE_TOKEN the console answers to localhost alone" }, 403);
    }
    return await next();
  });
  app.route("/", assetRoutes());
  app.use("/api/*", bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.use("/api/*", async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
  });
  app.use("/api/*", sameOrigin);
  app.get("/api/session", (c) => {
    const session = sessions.get(getCookie(c, COOKIE));
    return c.json({
      csrf: session?.csrf ?? null,
      needsToken: access.token !== null,
      version: VERSION,
    });
  });
  app.post("/api/session", async (c) => {
    const waitMs = logins.take(c.get("client"));
    if (waitMs > 0) return tooMany(c, waitMs);
    const { token: given } = v.parse(v.object({ token: v.string() }), await c.req.json());
    if (access.token !== null && !sameSecret(given, access.token)) {
      return c.json({ error: "that is not the console's token (CONSOLE_TOKEN)" }, 401);
    }
    const { token, session } = sessions.create();
    setCookie(c, COOKIE, token, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      maxAge: SESSION_MS / 1000,
      secure: c.req.header("x-forwarded-proto") === "https",
    });
    return c.json({ csrf: session.csrf, needsToken: access.token !== null, version: VERSION });
  });
  app.use("/api/*", async (c, next) => {
    const session = sessions.get(getCookie(c, COOKIE));
    if (session === null) return c.json({ error: "you are not signed in" }, 401);
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    if (!isRead && !sameSecret(c.req.header("x-csrf-token") ?? "", session.csrf)) {
      return c.json({ error: "the request lacks this session's x-csrf-token" }, 403);
    }
    c.set("session", session);
    return await next();
  });
  app.delete("/api/session", (c) => {
    sessions.end(getCookie(c, COOKIE));
    return c.json({});
  });
  app.route("/api", api);
  return app;
}

/** What changes something comes from the console's own page, whatever a browser would send along. */
const sameOrigin: MiddlewareHandler<ConsoleEnv> = async (c, next) => {
  const site = c.req.header("sec-fetch-site");
  const origin = c.req.header("origin");
  const isForeign = site !== undefined && site !== "same-origin" && site !== "none" ||
    origin !== undefined && origin.replace(/^https?:\/\//, "") !== c.req.header("host");
  if (isForeign) return c.json({ error: "the request comes from another site" }, 403);
  const isJson = c.req.header("content-type")?.startsWith("application/json") ?? false;
  if (c.req.method !== "GET" && c.req.method !== "HEAD" && !isJson) {
    return c.json({ error: "the request is not JSON" }, 415);
  }
  return await next();
};

function tooMany(c: Context<ConsoleEnv>, waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  c.header("retry-after", String(seconds));
  return c.json({ error: `too many requests: try again in ${seconds} s` }, 429);
}

function refusal(error: unknown, c: Context): Response {
  if (error instanceof v.ValiError) {
    const [issue] = error.issues;
    return c.json({ error: `${v.getDotPath(issue) ?? "the request"}: ${issue.message}` }, 400);
  }
  if (error instanceof PaddockError) {
    const status = error.retryable ? 503 : 400;
    return c.json({ error: error.message, hint: error.hint, code: error.code }, status);
  }
  if (error instanceof SyntaxError) return c.json({ error: "the request is not JSON" }, 400);
  getLogger(["paddock", "console"]).error`${c.req.method} ${c.req.path}: ${errorMessage(error)}`;
  return c.json({ error: "the server failed to answer; its log says why" }, 500);
}
