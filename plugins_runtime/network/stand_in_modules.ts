/**
 * What libraries find in place of Node's modules that have power. They look for credentials in files
 * that are not there, for a name of this machine, for a terminal: each gets an answer that is no
 * information, so that it goes on without.
 */
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";

/** As for a file that is not there. */
function noFile(): Error {
  const message = "ENOENT: no such file or directory";
  return Object.assign(new Error(message), { code: "ENOENT", errno: -2, syscall: "open" });
}

function refuse(): never {
  throw new Error("This is not available to plugins.");
}

/** An empty disk. */
function standInFs(): Record<string, unknown> {
  const failing = (...args: unknown[]) => {
    const callback = args.at(-1);
    if (typeof callback === "function") setTimeout(() => callback(noFile()), 0);
  };
  const throwing = () => {
    throw noFile();
  };
  const rejecting = () => Promise.reject(noFile());
  const names = [
    "access",
    "appendFile",
    "chmod",
    "close",
    "lstat",
    "mkdir",
    "open",
    "read",
    "readFile",
    "readdir",
    "readlink",
    "realpath",
    "rename",
    "rmdir",
    "stat",
    "unlink",
    "write",
    "writeFile",
  ];
  const all = (value: unknown) => Object.fromEntries(names.map((name) => [name, value]));
  return {
    ...all(failing),
    ...Object.fromEntries(names.map((name) => [`${name}Sync`, throwing])),
    exists: (_path: unknown, callback: (is: boolean) => void) =>
      setTimeout(() => callback(false), 0),
    existsSync: () => false,
    createReadStream: throwing,
    createWriteStream: throwing,
    ReadStream: class ReadStream extends PassThrough {},
    WriteStream: class WriteStream extends PassThrough {},
    Stats: class Stats {},
    constants: { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 },
    promises: all(rejecting),
  };
}

/** A machine without a name. */
function standInOs(): Record<string, unknown> {
  return {
    EOL: "\n",
    arch: () => "x64",
    constants: { signals: {}, errno: {} },
    cpus: () => [],
    endianness: () => "LE",
    freemem: () => 0,
    homedir: () => "/",
    hostname: () => "plugin",
    loadavg: () => [0, 0, 0],
    networkInterfaces: () => ({}),
    platform: () => "linux",
    release: () => "0",
    tmpdir: () => "/tmp",
    totalmem: () => 0,
    type: () => "Linux",
    uptime: () => 0,
    userInfo: () => ({ username: "plugin", uid: -1, gid: -1, shell: null, homedir: "/" }),
  };
}

/** A module whose use is an error, and whose presence is not. */
function unavailable(name: string): unknown {
  return new Proxy({}, {
    get: (_target, member) =>
      typeof member === "symbol" || member === "__esModule" || member === "default"
        ? undefined
        : () => {
          throw new Error(`${name}.${member} is not available to plugins`);
        },
  });
}

/** Name → module. */
export function standInModules(process: unknown): Record<string, unknown> {
  return {
    fs: standInFs(),
    os: standInOs(),
    process,
    tty: { isatty: () => false, ReadStream: PassThrough, WriteStream: PassThrough },
    domain: { active: null, create: () => Object.assign(new EventEmitter(), { run: refuse }) },
    child_process: unavailable("child_process"),
    dgram: unavailable("dgram"),
    worker_threads: unavailable("worker_threads"),
  };
}
