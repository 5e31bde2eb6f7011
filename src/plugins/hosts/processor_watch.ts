/**
 * Plugins that take more of the processors than their work is worth stand back for all others: a
 * flood that ends with an answer each time is neither silent nor does it crash.
 */
import { cpuMsOf } from "./process_cpu.ts";

/** A process that is loaded and set up. */
export interface WorkingProcess {
  readonly pid: number;
  /** Events and calls that it was done with so far. */
  readonly done: number;
  /** @param usedMs CPU time beyond what it may have, a while long */
  standBack(usedMs: number): void;
}

/** What is nobody's trouble: this share of a processor, or so much for each event. */
const FREE_SHARE = 1 / 10;
const FREE_MS_PER_EVENT = 1;
/** What it may have beyond that, as long as it makes up for it. */
const MOST_MS = 500;

interface Account {
  readonly at: number;
  readonly cpuMs: number;
  readonly done: number;
  readonly debtMs: number;
}

export class ProcessorWatch {
  readonly #cpuMsOf: typeof cpuMsOf;
  /** By pid. */
  #accounts: ReadonlyMap<number, Account> = new Map();
  #looking: Promise<void> | null = null;

  constructor(cpu: typeof cpuMsOf = cpuMsOf) {
    this.#cpuMsOf = cpu;
  }

  /**
   * To be called about once a second, with all processes that did not stand back yet. The first look
   * at a process is what it is measured from: what its start took is not its plugin's.
   * @param now of the monotonic clock, in ms
   */
  look(processes: readonly WorkingProcess[], now: number): Promise<void> {
    return this.#looking ??= this.#look(processes, now).finally(() => this.#looking = null);
  }

  /** Resolves when nothing is looked at any more. */
  async ended(): Promise<void> {
    await this.#looking;
  }

  async #look(processes: readonly WorkingProcess[], now: number): Promise<void> {
    const done = processes.map((process) => process.done);
    const used = await this.#cpuMsOf(processes.map(({ pid }) => pid));
    const accounts = new Map<number, Account>();
    for (const [index, process] of processes.entries()) {
      const { pid } = process;
      const cpuMs = used.get(pid);
      if (cpuMs === undefined) continue;
      const account = { at: now, cpuMs, done: done[index] as number };
      const debtMs = debtAfter(this.#accounts.get(pid), account);
      if (debtMs > MOST_MS) process.standBack(debtMs);
      else accounts.set(pid, { ...account, debtMs });
    }
    this.#accounts = accounts;
  }
}

function debtAfter(before: Account | undefined, account: Omit<Account, "debtMs">): number {
  if (before === undefined) return 0;
  const free = Math.max(
    (account.at - before.at) * FREE_SHARE,
    (account.done - before.done) * FREE_MS_PER_EVENT,
  );
  return Math.max(0, before.debtMs + account.cpuMs - before.cpuMs - free);
}
