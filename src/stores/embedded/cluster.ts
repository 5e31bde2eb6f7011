/** One Postgres data directory and the server process on it. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
import { errorMessage, PaddockError } from "../../errors.ts";
import { Database } from "../postgres/database.ts";
import { installRuntime } from "./runtime.ts";

/** Postgres refuses to run as root; as root it runs as `nobody`. */
const NOBODY = 65534;

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "max_connections=100",
  "shared_buffers=128MB",
  "max_wal_size=2GB",
];

/** Where everything of the cluster lies, below one folder. */
function paths(directory: string) {
  return {
    runtime: `${directory}/runtime`,
    data: `${directory}/data`,
    password: `${directory}/password`,
    log: `${directory}/postgres.log`,
  };
}

export class Cluster {
  readonly directory: string;
  readonly #log = getLogger(["paddock", "embedded"]);
  #pid = 0;
  #port = 0;
  #childEnded = false;
  #stopping = false;
  #watch: Promise<void> | null = null;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** For a superuser; holds the password. */
  get connectionString(): string {
    return connectionString(this.directory, this.#port);
  }

  /** Installs and initialises what is missing; adopts a server that runs, or starts one. */
  async start(): Promise<void> {
    const { runtime, data } = paths(this.directory);
    await Deno.mkdir(this.directory, { recursive: true, mode: 0o755 });
    await giveToNobody(this.directory);
    await installRuntime(runtime);
    await this.#initialise();
    const running = await runningServer(data);
    if (running !== null) {
      [this.#pid, this.#port] = [running.pid, running.port];
      await this.#untilAnswers();
      this.#log.info`adopted the Postgres of an earlier run (pid ${this.#pid})`;
    } else {
      this.#port = freePort();
      await this.#spawn();
    }
    this.#watch = this.#restartWhenDead();
  }

  /** Ends the server, cleanly if it lets itself be ended so. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
      signalProcess(this.#pid, signal);
      const end = performance.now() + (signal === "SIGINT" ? STOP_TIMEOUT_MS : 2_000);
      while (this.#isRunning && performance.now() < end) await sleep(10);
      if (!this.#isRunning) break;
    }
    await this.#watch;
  }

  async #initialise(): Promise<void> {
    const { runtime, data, password } = paths(this.directory);
    if (await Deno.stat(`${data}/PG_VERSION`).then(() => true, () => false)) return;
    await Deno.remove(data, { recursive: true }).catch(() => {});
    await Deno.writeTextFile(password, randomBytes(24).toString("base64url"), { mode: 0o600 });
    await giveToNobody(password);
    const { success, stdout, stderr } = await new Deno.Command(`${runtime}/bin/initdb`, {
      args: [
        ...["-D", data, "-U", "postgres", "-A", "scram-sha-256", `--pwfile=${password}`],
        ...["-E", "UTF8", "--locale=C", "--no-instructions"],
      ],
      ...unprivileged(),
      cwd: this.directory,
      clearEnv: true,
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      stdin: "null",
    }).output();
    if (success) return;
    await Deno.remove(data, { recursive: true }).catch(() => {});
    const decoder = new TextDecoder();
    throw new PaddockError(
      "PDK_EMBEDDED_FAILED",
      `initdb failed in ${this.directory}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`,
    );
  }

  async #spawn(): Promise<void> {
    const { runtime, data, log } = paths(this.directory);
    await Deno.writeTextFile(log, "");
    await giveToNobody(log);
    // The shell only sends output to the log and becomes Postgres; paths are arguments, not text.
    const child = new Deno.Command("/bin/sh", {
      args: [
        "-c",
        'log="$1"; shift; exec "$0" "$@" >>"$log" 2>&1',
        `${runtime}/bin/postgres`,
        log,
        ...["-D", data, "-p", String(this.#port)],
        ...SETTINGS.flatMap((setting) => ["-c", setting]),
      ],
      ...unprivileged(),
      cwd: this.directory,
      clearEnv: true,
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      // In a group of its own, a Ctrl-C at the terminal reaches the server alone, which stops
      // Postgres when everything is written.
      detached: true,
    }).spawn();
    // It outlives this process if it has to, and is adopted by the next.
    child.unref();
    this.#pid = child.pid;
    this.#childEnded = false;
    child.status.then(() => this.#childEnded = true);
    await this.#untilAnswers();
  }

  get #isRunning(): boolean {
    return !this.#childEnded && isAlive(this.#pid);
  }

  async #untilAnswers(): Promise<void> {
    const end = performance.now() + START_TIMEOUT_MS;
    while (true) {
      const probe = new Database({
        connectionString: this.connectionString,
        max: 1,
        applicationName: "paddock start",
      });
      try {
        await probe.query("SELECT 1");
        return;
      } catch (error) {
        if (this.#isRunning && performance.now() < end) {
          await sleep(15);
          continue;
        }
        const log = await Deno.readTextFile(paths(this.directory).log).catch(() => "");
        throw new PaddockError(
          "PDK_EMBEDDED_FAILED",
          `the embedded Postgres did not start: ${errorMessage(error)}; its log, ${
            paths(this.directory).log
          }, ends: ${log.slice(-1000)}`,
        );
      } finally {
        await probe.close();
      }
    }
  }

  /** A Postgres that was killed comes back on the same port, and the pipeline's retries find it. */
  async #restartWhenDead(): Promise<void> {
    for (let wait = 100; !this.#stopping;) {
      await sleep(100);
      if (this.#isRunning || this.#stopping) {
        wait = 100;
        continue;
      }
      this.#log.error`the embedded Postgres ended by itself and is started again`;
      try {
        await this.#spawn();
      } catch (error) {
        this.#log.error`${errorMessage(error)}`;
        wait = Math.min(wait * 2, 10_000);
        await sleep(wait);
      }
    }
  }
}

/** The connection string of the cluster in `directory`, if a server runs on it; else null. */
export async function runningConnectionString(directory: string): Promise<string | null> {
  const running = await runningServer(paths(directory).data);
  return running === null ? null : connectionString(directory, running.port);
}

function connectionString(directory: string, port: number): string {
  const password = Deno.readTextFileSync(paths(directory).password);
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

/** The server that runs on a data directory, by its pid file; a file left by a dead one is removed. */
async function runningServer(data: string): Promise<{ pid: number; port: number } | null> {
  const file = `${data}/postmaster.pid`;
  const text = await Deno.readTextFile(file).catch(() => null);
  if (text === null) return null;
  const lines = text.split("\n");
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (isAlive(pid) && await isServerOf(pid, data)) return { pid, port };
  await Deno.remove(file).catch(() => {});
  return null;
}

/** A pid is used again: whether this one is the Postgres of that directory shows in its arguments. */
async function isServerOf(pid: number, data: string): Promise<boolean> {
  // By another program, as Deno opens nothing below /proc without every permission there is.
  const command = Deno.build.os === "linux"
    ? new Deno.Command("cat", { args: [`/proc/${pid}/cmdline`] })
    : new Deno.Command("ps", { args: ["-o", "command=", "-p", String(pid)] });
  const { stdout } = await command.output();
  return new TextDecoder().decode(stdout).includes(data);
}

/** Whether there is such a process; it may be one that ended and was not waited for. */
function isAlive(pid: number): boolean {
  // A signal that does nothing to a process that runs.
  return pid > 1 && signalProcess(pid, "SIGCONT");
}

function signalProcess(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function unprivileged(): { uid: number; gid: number } | Record<never, never> {
  return Deno.uid() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

async function giveToNobody(path: string): Promise<void> {
  if (Deno.uid() === 0) await Deno.chown(path, NOBODY, NOBODY);
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
