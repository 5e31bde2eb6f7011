/** Memory of processes, as Linux counts it. */

const PAGE_BYTES = 4096;
/** Resident pages, in `/proc/<pid>/statm`. */
const RESIDENT_FIELD = 1;
/** An answer is good for so long: it takes a process to find out, see `process_cpu.ts`. */
const KEPT_MS = 10_000;

export class ProcessMemory {
  #kept: ReadonlyMap<number, number> = new Map();
  #keptUntil = 0;
  #asking: Promise<void> | null = null;

  /** Resident bytes by pid, seconds old at most; those that cannot be told are left out. */
  async of(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
    if (performance.now() > this.#keptUntil || pids.some((pid) => !this.#kept.has(pid))) {
      await (this.#asking ??= this.#ask(pids).finally(() => this.#asking = null));
    }
    return this.#kept;
  }

  async #ask(pids: readonly number[]): Promise<void> {
    this.#keptUntil = performance.now() + KEPT_MS;
    if (Deno.build.os !== "linux" || pids.length === 0) return;
    try {
      const { stdout } = await new Deno.Command("/bin/sh", {
        args: [
          "-c",
          'for pid; do echo "$pid $(cat "/proc/$pid/statm")"; done',
          "sh",
          ...pids.map(String),
        ],
        clearEnv: true,
        stdin: "null",
        stderr: "null",
      }).output();
      this.#kept = new Map(
        new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
          const [pid, ...fields] = line.split(" ").map(Number);
          const pages = fields[RESIDENT_FIELD];
          return pid === undefined || !pages ? [] : [[pid, pages * PAGE_BYTES]];
        }),
      );
    } catch {
      this.#kept = new Map();
    }
  }
}
