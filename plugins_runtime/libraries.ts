/** What plugins may import beside their own files. */
import { Buffer } from "node:buffer";
import events from "node:events";
import stream from "node:stream";
import * as timers from "node:timers";
import url from "node:url";
import util from "node:util";
import vm from "node:vm";
import zlib from "node:zlib";
import { boundedCrypto } from "./bounded_crypto.ts";
import type { EgressRequest } from "./egress.ts";
import { RetryError } from "./load.ts";
import { libraryProcess } from "./library_process.ts";

/** What libraries with sockets of their own need. */
export interface NetworkAccess {
  /** Of Node's modules, those that such libraries require. */
  readonly modules: Readonly<Record<string, unknown>>;
  /** To be called once, behind the hardening: globals that Deno's own network code looks at. */
  defineGlobals(): void;
  /** Says which way leads out; to be waited for before any plugin text is there. */
  open(request: EgressRequest): Promise<void>;
}

type LibraryFunction = (...parts: readonly unknown[]) => void;

/** The names in a library's scope. Those of globals hide what is no global of this worker. */
const PARAMETERS = [
  "exports",
  "require",
  "module",
  "__filename",
  "__dirname",
  "process",
  "Buffer",
  "global",
  "console",
  "performance",
  "navigator",
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "clearImmediate",
] as const;

// Captured while this module loads.
const { Script } = vm;
const now = performance.now.bind(performance);
const decoder = new TextDecoder();

/** Libraries print nothing: what went wrong is in the errors they throw. */
const SILENT_CONSOLE = Object.freeze(
  Object.fromEntries(
    ["debug", "log", "info", "warn", "error", "trace", "dir"].map((name) => [name, () => {}]),
  ),
);

export class Libraries {
  readonly #texts = new Map<string, string>();
  // Each only computes on what it is given.
  readonly #crypto = boundedCrypto();
  readonly #computing: Readonly<Record<string, unknown>> = {
    __proto__: null,
    buffer: { Buffer },
    crypto: this.#crypto,
    events,
    stream,
    url,
    util,
    zlib,
  };

  /** Takes the payload of a `Library` frame: a name, a line feed, a text. */
  put(payload: Uint8Array): void {
    const text = decoder.decode(payload);
    const end = text.indexOf("\n");
    this.#texts.set(text.slice(0, end), text.slice(end + 1));
  }

  /**
   * Evaluates the libraries. To be called before any text of a plugin is there.
   *
   * A library's scope holds no power, so nothing depends on whether a plugin finds a way into it:
   * its `require` knows modules that compute, a network that ends at the egress gateway, and
   * stand-ins for the rest.
   * @param nodeFetch the plugin's own `fetch`
   * @throws Error naming the library that could not be evaluated
   */
  provide(nodeFetch: unknown, network: NetworkAccess | null): ReadonlyMap<string, unknown> {
    const { crypto, stream, url, zlib, buffer } = this.#computing;
    const provided = new Map<string, unknown>([
      ["@posthog/plugin-scaffold", { RetryError }],
      ["node-fetch", nodeFetch],
      ["buffer", buffer],
      ["crypto", crypto],
      ["stream", stream],
      ["url", url],
    ]);
    // Its streams look at globals that only this worker has stand-ins for.
    if (network !== null) provided.set("zlib", zlib);
    const modules: Record<string, unknown> = {
      __proto__: null,
      ...this.#computing,
      ...network?.modules,
    };
    for (const [name, text] of this.#texts) {
      try {
        provided.set(name, evaluate(name, text, modules));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`the library '${name}' cannot be loaded: ${reason}`, { cause: error });
      }
    }
    this.#texts.clear();
    return provided;
  }
}

function evaluate(name: string, text: string, modules: Readonly<Record<string, unknown>>): unknown {
  const wrapped = `(function (${PARAMETERS.join(", ")}) {${text}\n})`;
  const run = new Script(wrapped, { filename: `library ${name}` })
    .runInThisContext() as LibraryFunction;
  const require = (wanted: string): unknown => {
    const plain = wanted.startsWith("node:") ? wanted.slice(5) : wanted;
    if (plain in modules) return modules[plain];
    // What is optional is looked for, and its absence known by this code.
    throw Object.assign(new Error(`Cannot find module '${wanted}'`), { code: "MODULE_NOT_FOUND" });
  };
  const module = { exports: {} as unknown };
  run.call(
    module.exports,
    module.exports,
    require,
    module,
    "/library.js",
    "/",
    libraryProcess(),
    Buffer,
    globalThis,
    SILENT_CONSOLE,
    Object.freeze({ now }),
    undefined,
    // Node's, as libraries call methods of what they return.
    timers.setTimeout,
    timers.clearTimeout,
    timers.setInterval,
    timers.clearInterval,
    timers.setImmediate,
    timers.clearImmediate,
  );
  return module.exports;
}
