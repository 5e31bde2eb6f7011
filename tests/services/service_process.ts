import { within } from "./within.ts";

/** A database server that a test run started and stops by its own pid. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Asks it to end and waits. */
  stop(): Promise<void>;
  /** SIGKILL, and waits. */
  kill(): Promise<void>;
}

/** How a server is started. */
export interface ServiceCommand {
  readonly name: string;
  readonly url: string;
  readonly command: Deno.Command;
  /** The signal that ends it quickly and cleanly. */
  readonly stopSignal: Deno.Signal;
  /** Resolves once it answers; rejects while it does not. */
  readonly answers: () => Promise<void>;
  /** Its log file, quoted when it does not start. */
  readonly logFile: string;
  /** How long it may take until it answers. */
  readonly startTimeoutMs?: number;
}

const START_TIMEOUT_MS = 30_000;
/** One attempt at an answer, and what a service may take to end before it is killed. */
const ANSWER_MS = 10_000;
const STOP_MS = 60_000;

/** Starts it and waits until it answers. */
export async function startService(service: ServiceCommand): Promise<Service> {
  const child = service.command.spawn();
  const ended = child.status;
  let running = true;
  ended.then(() => running = false);
  const signal = async (name: Deno.Signal) => {
    if (running) child.kill(name);
    if (await within(STOP_MS, ended) !== null) return;
    child.kill("SIGKILL");
    await ended;
  };
  const deadline = performance.now() + (service.startTimeoutMs ?? START_TIMEOUT_MS);
  while (true) {
    try {
      const isUp = await within(ANSWER_MS, service.answers().then(() => true));
      if (isUp === null) throw new Error(`no answer within ${ANSWER_MS / 1000} s`);
      break;
    } catch (error) {
      if (running && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 30));
        continue;
      }
      await signal("SIGKILL");
      const log = await Deno.readTextFile(service.logFile).catch(() => "(no log)");
      throw new Error(`${service.name} did not start: ${error}\n${log.slice(-2000)}`);
    }
  }
  return {
    url: service.url,
    pid: child.pid,
    stop: () => signal(service.stopSignal),
    kill: () => signal("SIGKILL"),
    [Symbol.asyncDispose]: () => signal(service.stopSignal),
  };
}

/** The first of these programs that exists, or null. */
export function findProgram(candidates: readonly string[]): string | null {
  for (const candidate of candidates) {
    const paths = candidate.includes("/")
      ? [candidate]
      : (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/${candidate}`);
    for (const path of paths) {
      try {
        if (Deno.statSync(path).isFile) return path;
      } catch {
        // Not there: the next.
      }
    }
  }
  return null;
}
