/**
 * Takes every way back to power out of this worker, before any plugin text exists in it.
 *
 * The worker's permissions already close files, environment, processes and hosts that were not
 * granted. What is taken here is the rest: what needs no permission and still reaches the process
 * (signals to itself, other workers, locks, caches, standard output), and every import.
 */
import module from "node:module";
import process from "node:process";
import { type SourceMaps, stackText } from "./stack_text.ts";
import { Buffer } from "node:buffer";
import { boundedWebCrypto } from "./bounded_crypto.ts";

/**
 * What plugin code finds as globals; everything else is deleted. Each was kept because it only
 * computes on what it is given. `fetch` is put in place by the worker, as its own.
 */
const KEPT = new Set(
  `Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol
  Date Promise RegExp Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError
  URIError SuppressedError globalThis JSON Math Intl ArrayBuffer DataView Map BigInt Set Iterator
  WeakMap WeakSet Proxy Reflect FinalizationRegistry WeakRef decodeURI decodeURIComponent encodeURI
  encodeURIComponent escape unescape eval isFinite isNaN Int8Array Uint8Array Uint8ClampedArray
  Int16Array Uint16Array Int32Array Uint32Array Float16Array Float32Array Float64Array BigInt64Array
  BigUint64Array Temporal DisposableStack AsyncDisposableStack queueMicrotask AbortController
  AbortSignal Blob DOMException Event EventTarget CustomEvent File FormData Headers ReadableStream
  ReadableStreamDefaultReader Request Response TextDecoder TextEncoder TextDecoderStream
  TextEncoderStream TransformStream URL URLPattern URLSearchParams WritableStream
  WritableStreamDefaultWriter atob btoa clearInterval clearTimeout setInterval setTimeout
  structuredClone crypto`.split(/\s+/),
);

/** Members of `process` that Deno's own event code calls; they hold no power. */
const KEPT_PROCESS_MEMBERS = new Set(
  `emit on once off nextTick emitWarning hrtime addListener removeListener listenerCount listeners
  prependListener removeAllListeners`.split(/\s+/),
);

function refuse(): never {
  throw new Error("This is not available to plugins.");
}

/**
 * Works once, at the end of the worker's own start. `onUncaught` gets errors nobody handled; `maps`
 * are looked at for every stack from then on.
 */
export function harden(onUncaught: (error: unknown) => void, maps: SourceMaps): void {
  refuseImports();
  neuterProcess();
  const swallow = (event: Event) => {
    event.preventDefault();
    const { reason, error } = event as { reason?: unknown; error?: unknown } & Event;
    onUncaught(reason ?? error);
  };
  globalThis.addEventListener("unhandledrejection", swallow);
  globalThis.addEventListener("error", swallow);
  stripGlobals();
  freezeErrors(maps);
  freezeCall();
}

/** Every import from here on, of any scheme and by any spelling, also from `new Function`. */
function refuseImports(): void {
  module.registerHooks({ resolve: refuse, load: refuse });
  const members: Record<string, unknown> = module as unknown as Record<string, unknown>;
  for (const name of ["createRequire", "register", "registerHooks", "_load", "_extensions"]) {
    defineRefused(members, name);
  }
  module.syncBuiltinESMExports();
}

/** The object stays, as Deno's own code holds it; its methods go. */
function neuterProcess(): void {
  process.removeAllListeners("warning");
  const members = process as unknown as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(process)) {
    if (!KEPT_PROCESS_MEMBERS.has(name) && isFunction(members, name)) defineRefused(members, name);
  }
}

/** Some members throw when they are only looked at: those do nothing in a worker. */
function isFunction(members: Record<string, unknown>, name: string): boolean {
  try {
    return typeof members[name] === "function";
  } catch {
    return false;
  }
}

function defineRefused(target: Record<string, unknown>, name: string): void {
  try {
    Object.defineProperty(target, name, { value: refuse, writable: false, configurable: false });
  } catch {
    // Not configurable: then it may be writable; where it is neither it cannot be reached by name,
    // since both modules are out of a plugin's reach.
    try {
      target[name] = refuse;
    } catch {
      // See above.
    }
  }
}

function stripGlobals(): void {
  const scope = globalThis as unknown as Record<PropertyKey, unknown>;
  for (const key of Reflect.ownKeys(scope)) {
    if (typeof key === "symbol" || KEPT.has(key)) continue;
    if (!Reflect.deleteProperty(scope, key)) {
      throw new Error(`the global ${key} could not be taken`);
    }
  }
  // The scope's own prototypes have accessors too; those of EventTarget are used by Deno itself.
  let prototype: object | null = Object.getPrototypeOf(scope);
  while (
    prototype !== null && prototype !== Object.prototype && prototype !== EventTarget.prototype
  ) {
    for (const key of Reflect.ownKeys(prototype)) {
      if (key !== "constructor" && typeof key === "string") Reflect.deleteProperty(prototype, key);
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  // A blob URL would be code that came from nowhere.
  Reflect.deleteProperty(URL, "createObjectURL");
  Reflect.deleteProperty(URL, "revokeObjectURL");
  define("crypto", boundedWebCrypto);
  define("Buffer", Buffer);
  define("global", globalThis);
}

/** Stack frames as objects lead back to functions of the runtime, so that only texts are given out. */
function freezeErrors(maps: SourceMaps): void {
  Object.defineProperty(Error, "prepareStackTrace", {
    value: (error: unknown, frames: Parameters<typeof stackText>[2]) =>
      stackText(maps, error, frames),
    writable: false,
    configurable: false,
  });
  define("Error", Error);
}

/**
 * Deno's own code starts some operations by the `call` of their native functions (`op_write`,
 * `op_fetch_send`). Whoever put another in its place would be handed those, and `op_write` takes any
 * resource of this process by its number, standard output among them.
 */
function freezeCall(): void {
  Object.defineProperty(Function.prototype, "call", { writable: false, configurable: false });
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: false, configurable: false });
}
