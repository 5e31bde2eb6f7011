/**
 * Globals that Deno's own code of `http`, `http2` and `tls` looks at whenever it is called, and that
 * were taken from this worker. In their place stand objects with what is read of them: a clock of
 * whole milliseconds, the order of callbacks, names.
 *
 * They cannot be changed, because otherwise a plugin would put its own there and be called by that
 * code, with the callbacks that are its own.
 */
import process from "node:process";
import { setImmediate } from "node:timers";

// Captured while this module loads.
const now = performance.now.bind(performance);
const nextTick = process.nextTick.bind(process);
const { errors } = Deno;

function frozen<T extends object>(members: T): Readonly<T> {
  return Object.freeze(Object.assign(Object.create(null), members));
}

/** Name → stand-in. What is read of each was found by putting recording objects in their place. */
const STAND_INS: Readonly<Record<string, unknown>> = {
  performance: frozen({ now: () => Math.floor(now()), timeOrigin: 0 }),
  Deno: frozen({
    build: frozen({ os: "linux", arch: "x86_64" }),
    // Classes of errors.
    errors: frozen({ ...errors }),
  }),
  process: frozen({
    nextTick,
    emitWarning: () => {},
    env: frozen({}),
    platform: "linux",
    version: "v20.11.1",
    versions: frozen({ node: "20.11.1" }),
    // So that warnings end in nothing.
    noDeprecation: true,
    emit: () => false,
  }),
  setImmediate,
};

/** Defines them, for good. */
export function defineInternalGlobals(): void {
  for (const [name, value] of Object.entries(STAND_INS)) {
    Object.defineProperty(globalThis, name, { value, writable: false, configurable: false });
  }
}
