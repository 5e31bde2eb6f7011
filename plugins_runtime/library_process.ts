/** The `process` that libraries see. */
import { EventEmitter } from "node:events";
import process from "node:process";

const nextTick = process.nextTick.bind(process);
const hrtime = process.hrtime.bind(process);
const bigint = process.hrtime.bigint.bind(process.hrtime);

/** No environment, no streams, no way to anything: what libraries read while they load, and no more. */
export function libraryProcess(): unknown {
  const refuse = () => {
    throw new Error("this is not available to plugins");
  };
  const silent = { fd: -1, isTTY: false, write: () => true, on: () => {}, once: () => {} };
  return Object.assign(new EventEmitter(), {
    // Of those who set it themselves.
    env: { __proto__: null },
    argv: ["node", "/library.js"],
    execArgv: [],
    execPath: "/",
    title: "node",
    pid: 1,
    platform: "linux",
    arch: "x64",
    version: "v20.11.1",
    versions: { __proto__: null, node: "20.11.1" },
    release: { __proto__: null, name: "node" },
    config: { __proto__: null, variables: {} },
    features: { __proto__: null },
    cwd: () => "/",
    umask: () => 0o22,
    uptime: () => 0,
    memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
    hrtime: Object.assign((since?: [number, number]) => hrtime(since), { bigint: () => bigint() }),
    nextTick,
    emitWarning: () => {},
    stdin: silent,
    stdout: silent,
    stderr: silent,
    binding: refuse,
    dlopen: refuse,
    exit: refuse,
    kill: refuse,
    abort: refuse,
    chdir: refuse,
  });
}
