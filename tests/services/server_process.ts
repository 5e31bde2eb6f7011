/** The real server, as its own process, for tests that treat it badly. */
import { fileURLToPath } from "node:url";
import { within } from "./within.ts";

export interface ServerProcess {
  readonly pid: number;
  /** Where it accepts events, e.g. `http://127.0.0.1:41233`. */
  readonly address: string;
  /** What it printed so far: log lines and standard output. */
  output(): string;
  /** Resolves with the exit code when it ends by itself. */
  ended(): Promise<number>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Generous bounds, so that a server that hangs fails its test and not the whole run. */
const START_MS = 120_000;
const END_MS = 120_000;
/** What is left in its pipes, which a process of its own may hold open for longer. */
const PIPES_MS = 5_000;

const MAIN = fileURLToPath(import.meta.resolve("../../main.ts"));

/** Another way to start it than out of this repository as this user. */
export interface ServerStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** User and group to run as; only root may say. */
  readonly uid?: number;
}

/**
 * Starts the server and waits until it is ready. Its environment holds nothing but `env` and what a
 * process needs to run.
 * @throws Error with its output where it ends instead
 */
export async function startServerProcess(
  env: Readonly<Record<string, string>>,
  start?: ServerStart,
): Promise<ServerProcess> {
  const uid = start?.uid;
  const child = new Deno.Command(start?.program ?? Deno.execPath(), {
    args: [...start?.args ?? ["run", "--quiet", "-P=server", MAIN]],
    ...(start === undefined ? {} : { cwd: start.cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: Deno.env.get("HOME") ?? "/",
      ...(Deno.env.get("DENO_DIR") ? { DENO_DIR: Deno.env.get("DENO_DIR") as string } : {}),
      HTTP_PORT: "0",
      LOG_FORMAT: "json",
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const ready = Promise.withResolvers<string>();
  const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const address = /events are accepted at (http:[^"\s]+)/.exec(text)?.[1];
      if (address !== undefined && text.includes("ready after")) ready.resolve(address);
    }
  };
  const collecting = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const status = child.status;
  status.then(({ code }) => ready.reject(new Error(`it ended with code ${code}:\n${text}`)));
  const exit = async (): Promise<number> => {
    const code = await within(END_MS, status.then(({ code }) => code));
    if (code === null) {
      child.kill("SIGKILL");
      await status;
      throw new Error(`it did not end within ${END_MS / 1000} s:\n${text}`);
    }
    await within(PIPES_MS, collecting);
    return code;
  };
  const ended = async (signal: Deno.Signal): Promise<number> => {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
    return await exit();
  };
  const address = await within(START_MS, ready.promise).catch(async (error) => {
    await within(PIPES_MS, collecting);
    throw error;
  });
  if (address === null) {
    await ended("SIGKILL");
    throw new Error(`it was not ready within ${START_MS / 1000} s:\n${text}`);
  }
  return {
    pid: child.pid,
    address,
    output: () => text,
    ended: exit,
    stop: () => ended("SIGTERM"),
    kill: async () => {
      await ended("SIGKILL");
    },
  };
}

/** SIGKILL for a process that may have ended meanwhile. */
export function killProcess(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Pids of the processes that a process started and that still run. Linux only. */
export async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", "cat /proc/[0-9]*/stat"],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const [, parent] = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return Number(parent) === pid ? [parseInt(line)] : [];
  });
}
