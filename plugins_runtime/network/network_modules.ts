/**
 * Node's network modules for libraries with sockets of their own, such that every connection is one
 * of the egress gateway's. To be imported by the worker's entry: nothing can be imported later.
 */
import assert from "node:assert";
import constants from "node:constants";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import querystring from "node:querystring";
import stringDecoder from "node:string_decoder";
import * as timers from "node:timers";
import tls from "node:tls";
import types from "node:util/types";
import type { EgressRequest } from "../egress.ts";
import type { NetworkAccess } from "../libraries.ts";
import { libraryProcess } from "../library_process.ts";
import { connectArguments, createSocketClass } from "./gateway_socket.ts";
import { defineInternalGlobals } from "./internal_globals.ts";
import { lookUpModule } from "./look_up_module.ts";
import { disableNativeSockets } from "./native_sockets.ts";
import { StandInAddresses } from "./stand_in_addresses.ts";
import { standInModules } from "./stand_in_modules.ts";
import { TunnelEntrance } from "./tunnel.ts";

type Options = Record<string, unknown>;
type Listener = (...args: never[]) => void;

function refuse(): never {
  throw new Error("plugins do not listen");
}

export class NetworkModules implements NetworkAccess {
  readonly modules: Readonly<Record<string, unknown>>;
  #entrance: TunnelEntrance | null = null;

  /** Takes the native sockets away: to be constructed where nothing else needs them. */
  constructor() {
    disableNativeSockets();
    const addresses = new StandInAddresses();
    const Socket = createSocketClass(() => this.#entrance, addresses);

    const connect = (...args: unknown[]) => {
      const { options } = connectArguments(args);
      return new Socket(options).connect(...args);
    };
    const connectTls = (...args: unknown[]) => {
      const { options, listener } = tlsArguments(args);
      const socket = options.socket ?? connect({ ...options, allowHalfOpen: false });
      return tls.connect({ ...options, socket } as tls.ConnectionOptions, listener);
    };
    // Agents are made by libraries as well, and by classes of theirs.
    http.Agent.prototype.createConnection =
      ((options: Options) => connect(withoutPath(options))) as never;
    https.Agent.prototype.createConnection =
      ((options: Options) => connectTls(withoutPath(options))) as never;

    this.modules = {
      ...standInModules(libraryProcess()),
      assert,
      constants,
      dns: lookUpModule(addresses),
      http: { ...http, Server: refuse, createServer: refuse },
      http2: {
        ...http2,
        connect: (authority: string | URL, ...rest: unknown[]) =>
          connectHttp2(authority, rest, { connect, connectTls }),
        createServer: refuse,
        createSecureServer: refuse,
      },
      https: { ...https, Server: refuse, createServer: refuse },
      net: {
        isIP: net.isIP,
        isIPv4: net.isIPv4,
        isIPv6: net.isIPv6,
        Socket,
        Stream: Socket,
        connect,
        createConnection: connect,
        Server: refuse,
        createServer: refuse,
      },
      path,
      querystring,
      string_decoder: stringDecoder,
      timers,
      tls: { ...tls, connect: connectTls, Server: refuse, createServer: refuse },
      "util/types": types,
    };
  }

  defineGlobals(): void {
    defineInternalGlobals();
  }

  async open(request: EgressRequest): Promise<void> {
    this.#entrance = new TunnelEntrance(request);
    await this.#entrance.prepare();
  }
}

/** In an agent's options the path is the request's, unless it is that of a local socket. */
function withoutPath({ path: _path, ...options }: Options): Options {
  return typeof options.socketPath === "string" ? { path: options.socketPath } : options;
}

/** `(options, listener)` and `(port, host, options, listener)` as one thing. */
function tlsArguments(args: readonly unknown[]): { options: Options; listener?: Listener } {
  const last = args.at(-1);
  const options: Options = {};
  const [port, host] = args;
  if (typeof port === "number" || typeof port === "string") options.port = port;
  if (typeof host === "string") options.host = host;
  for (const arg of args) if (typeof arg === "object" && arg !== null) Object.assign(options, arg);
  return typeof last === "function" ? { options, listener: last as Listener } : { options };
}

interface Connectors {
  readonly connect: (...args: unknown[]) => unknown;
  readonly connectTls: (...args: unknown[]) => unknown;
}

function connectHttp2(
  authority: string | URL,
  rest: readonly unknown[],
  { connect, connectTls }: Connectors,
): unknown {
  const [given, ...others] = typeof rest[0] === "function" ? [{}, ...rest] : rest;
  const options = (given ?? {}) as Options;
  const url = new URL(authority);
  const isTls = url.protocol === "https:";
  const target = {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (isTls ? 443 : 80)),
  };
  const createConnection = options.createConnection ??
    (() =>
      isTls
        ? connectTls({
          ALPNProtocols: ["h2"],
          ...(net.isIP(target.host) ? {} : { servername: target.host }),
          ...target,
          ...options,
        })
        : connect({ ...target, ...options }));
  return http2.connect(
    url,
    { ...options, createConnection } as http2.ClientSessionOptions,
    ...others as [() => void],
  );
}
