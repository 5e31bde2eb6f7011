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
/** What has not ended by itself then is killed. */
const STOP_TIMEOUT_MS = 60_000;

/** Starts it and waits until it answers. */
export async function startService(service: ServiceCommand): Promise<Service> {
  const child = service.command.spawn();
  const ended = child.status;
  let running = true;
  ended.then(() => running = false);
  const signal = async (name: Deno.Signal) => {
    if (running) child.kill(name);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  };
  const deadline = performance.now() + (service.startTimeoutMs ?? START_TIMEOUT_MS);
  while (true) {
    try {
      await service.answers();
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
