/** One plugin host process: its frames, its deadlines, its end. */
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameType,
} from "../../../plugins_runtime/frames.ts";
import { FrameReader } from "../../../plugins_runtime/frame_reader.ts";
import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../errors.ts";
import { Chatter, checkPayload } from "./frame_limits.ts";
import { hostCommand, type HostLimits, type HostRuntime } from "./host_command.ts";
import { cpuMs } from "./process_cpu.ts";
import { LOWEST_PRIORITY, standAside, standBack } from "./process_priority.ts";

export interface HostProcessOptions {
  readonly runtime: HostRuntime;
  readonly limits: HostLimits;
  readonly grants: readonly string[];
  /** Of the egress gateway; null where there is nothing to reach. */
  readonly gateway: string | null;
  /** Names of those that the plugin imports. */
  readonly libraries: readonly string[];
  /** How long the worker may go without a sign of life. */
  readonly silenceMs: number;
}

export interface HostProcessEvents {
  /** A frame arrived; what it claims is not checked yet. */
  frame(frame: Frame): void;
  /**
   * Asked after it had something logged: resolves when there is room for more, null where there is
   * now. Until then nothing is read of it, so that it waits with what else it says.
   */
  logRoom(): Promise<void> | null;
  /** The process is gone; called once. `reason` is for the plugin's log. */
  ended(reason: string): void;
}

/**
 * How often a host with work is asked for a sign of life, and (so many times rarer) an idle one.
 * What it is asked with is also the clock by which its worker ends calls that take too long.
 */
const LOOK_MS = 100;
const IDLE_LOOKS = 50;

/**
 * What a plugin can cause without letting go of its worker: a loop of microtasks that prints, or
 * that asks for its cache, would pass for alive.
 */
const NO_SIGN: ReadonlySet<number> = new Set([
  FrameType.Log,
  FrameType.Calls,
  FrameType.Refused,
  FrameType.SiteRequest,
]);

/**
 * A worker that is silent for so long, and used so much of the processor meanwhile, stands back from
 * then on: others pay for a hang no more. One that others keep from the processor is silent as well,
 * and would get even less.
 */
const STAND_BACK_MS = 400;
const STAND_BACK_CPU_MS = 200;

/**
 * A silent host that used less than this share of the second half of its deadline is starved rather
 * than stuck, and gets more time, until it has used so much; but not for ever, as a process can also
 * hang without using any.
 */
const GUILTY_SHARE = 0.5;
const MOST_DEADLINES = 3;

/** How long Deno may take to start, which is no fault of the plugin's. */
const BOOT_MS = 30_000;

/**
 * A worker that beats but ends no work is not waited for either: each call has its deadline in the
 * worker, but a plugin may have broken the world in which that is kept.
 */
const STALL_DEADLINES = 1.25;
const STALL_GRACE_MS = 1_000;

/** As much as a pipe holds. */
const READ_BYTES = 64 * 1024;

/** How much of what it prints to standard error is kept. */
const MAX_STDERR = 4_000;

export class HostProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #events: HostProcessEvents;
  readonly #options: HostProcessOptions;
  readonly #done: Promise<void>;
  readonly #chatter = new Chatter();
  #outgoing: Uint8Array[] = [];
  /** Since when it owes a sign of life; null where nothing was asked of it. */
  #silentSince: number | null = null;
  #lastProgress = performance.now();
  /** Silence since then that it may not be to blame for. */
  #excusedMs = 0;
  #busy = false;
  #hasLogged = false;
  /** Nothing is read of it: its silence is ours. */
  #isHeldUp = false;
  #looks = 0;
  /** From the first frame on, which its worker sends before it loads the plugin. */
  #hasBooted = false;
  /** Taken half a deadline into a silence. */
  #suspicion: Promise<number | null> | null = null;
  #judgement: Promise<void> | null = null;
  #weighing: Promise<void> | null = null;
  readonly #ending = new AbortController();
  #standingBack: Promise<void> | null = null;
  #standingAside: Promise<void> | null = null;
  #killReason: string | null = null;
  #watch: ReturnType<typeof setInterval>;
  #stderr = "";

  constructor(options: HostProcessOptions, events: HostProcessEvents) {
    this.#options = options;
    this.#events = events;
    const { runtime, grants, gateway, limits, libraries } = options;
    this.#child = hostCommand(runtime, grants, gateway, limits, libraries).spawn();
    this.#input = this.#child.stdin.getWriter();
    // The pipe breaks when the process ends, which `ended` says with a better reason.
    this.#input.closed.catch(() => {});
    this.#done = this.#run();
    this.#watch = setInterval(() => this.#look(), LOOK_MS);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a frame together with the others of this turn. */
  send(frame: Uint8Array): void {
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
    this.#outgoing.push(frame);
  }

  #flush(): void {
    const frames = this.#outgoing;
    this.#outgoing = [];
    const joined = frames.length === 1 ? frames[0] as Uint8Array : Buffer.concat(frames);
    this.#input.write(joined).catch(() => {});
  }

  /** A host with work is looked after more closely. */
  setBusy(busy: boolean): void {
    if (busy === this.#busy) return;
    this.noteProgress();
    this.#busy = busy;
    this.#silentSince = busy ? performance.now() : null;
  }

  /** Some of its work came to an end. */
  noteProgress(): void {
    this.#lastProgress = performance.now();
    this.#excusedMs = 0;
  }

  /** Whether it has the lowest priority. */
  get standsBack(): boolean {
    return this.#standingBack !== null || this.#options.limits.nice >= LOWEST_PRIORITY;
  }

  /** Leaves the processor to others, as long as the process lives. */
  standBack(): void {
    if (!this.standsBack) this.#standingBack = standBack(this.pid);
  }

  /** Whether it runs only where a processor has nothing else to do. */
  get standsAside(): boolean {
    return this.#standingAside !== null;
  }

  /** Runs only where a processor has nothing else to do, as long as the process lives. */
  standAside(): void {
    this.#standingAside ??= standAside(this.pid);
  }

  /** Notes time that the server has to spend on what it said, beside reading it. */
  charge(ms: number): void {
    if (ms > 0) this.#chatter.spent(ms, performance.now());
  }

  /** SIGKILL, which works whatever the plugin does. */
  kill(reason: string): void {
    this.#killReason ??= reason;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Resolves when the process is gone and everything of it is closed. */
  async gone(): Promise<void> {
    await this.#done;
  }

  /** After a long silence its work gets the time that it may have had no processor for. */
  #sign(): void {
    const now = performance.now();
    if (!this.#hasBooted) {
      this.#hasBooted = true;
      this.noteProgress();
    }
    const silence = now - (this.#silentSince ?? now);
    if (silence > this.#options.silenceMs / 2) this.#excusedMs += silence;
    this.#silentSince = this.#busy ? now : null;
    this.#suspicion = null;
  }

  /** A worker that answers pings only waits; one that does not is stuck in the plugin's code. */
  #look(): void {
    if (this.#isHeldUp) return;
    this.#looks++;
    const isAsked = this.#silentSince !== null;
    if (!isAsked && this.#looks % IDLE_LOOKS !== 0) return;
    const now = performance.now();
    this.#silentSince ??= now;
    const { silenceMs } = this.#options;
    const silence = now - this.#silentSince;
    if (!this.#hasBooted) {
      if (silence > BOOT_MS) this.kill(`its process did not start within ${BOOT_MS / 1000} s`);
      return;
    }
    if (silence > STAND_BACK_MS - STAND_BACK_CPU_MS && !this.standsBack) {
      this.#weighing ??= this.#weigh(this.#silentSince).finally(() => this.#weighing = null);
    }
    if (silence > silenceMs) {
      this.#judgement ??= this.#judge(silence).finally(() => this.#judgement = null);
      return;
    }
    if (silence > silenceMs / 2) this.#suspicion ??= cpuMs(this.pid);
    // An idle one is asked once, and then waited for.
    if (this.#busy || !isAsked) this.send(encodeFrame(FrameType.Ping, 0));
    // Not for ever, as a plugin can be silent on purpose.
    const excused = Math.min(this.#excusedMs, silenceMs * (MOST_DEADLINES - 1));
    const stallMs = silenceMs * STALL_DEADLINES + STALL_GRACE_MS + excused;
    if (this.#busy && now - this.#lastProgress > stallMs) {
      this.kill(`it ended no work within ${(stallMs / 1000).toFixed(1)} s and was stopped`);
    }
  }

  /** Lets it stand back if it uses the processor while it is silent. */
  async #weigh(silentSince: number): Promise<void> {
    const before = await cpuMs(this.pid);
    if (before === null) return;
    // More and more rarely, as to find out takes a process.
    for (let pauseMs = LOOK_MS; this.#silentSince === silentSince; pauseMs *= 2) {
      await sleep(pauseMs, undefined, { signal: this.#ending.signal }).catch(() => {});
      const after = await cpuMs(this.pid);
      if (after === null || this.#ending.signal.aborted || this.#silentSince !== silentSince) {
        return;
      }
      if (after - before >= STAND_BACK_CPU_MS) return this.standBack();
    }
  }

  /** Past the deadline: guilty if it had the processor, or if nothing is known to excuse it. */
  async #judge(silence: number): Promise<void> {
    const { silenceMs } = this.#options;
    const verdict = `it did not come to an end within ${silenceMs / 1000} s and was stopped`;
    if (this.#suspicion === null || silence > silenceMs * MOST_DEADLINES) return this.kill(verdict);
    const [before, after] = [await this.#suspicion, await cpuMs(this.pid)];
    // It gave a sign meanwhile.
    if (this.#silentSince === null || performance.now() - this.#silentSince < silenceMs) return;
    const isStarved = before !== null && after !== null &&
      after - before < silenceMs / 2 * GUILTY_SHARE;
    if (!isStarved) this.kill(verdict);
  }

  async #run(): Promise<void> {
    const stderr = this.#collectStderr();
    try {
      const reader = new FrameReader();
      for await (const chunk of chunksOf(this.#child.stdout)) {
        for (const bytes of reader.push(chunk)) this.#receive(decodeFrame(bytes));
        // Meanwhile the pipe fills, and then the worker waits.
        while (this.#killReason === null) {
          const pauseMs = this.#chatter.pauseMs(performance.now());
          if (pauseMs === 0) break;
          await sleep(Math.min(pauseMs, LOOK_MS));
        }
        if (this.#hasLogged) await this.#untilLogHasRoom();
      }
    } catch (error) {
      // It wrote something that is no frame: whatever it is now, it is not trusted any more.
      this.kill(`it broke the protocol: ${errorMessage(error)}`);
      await this.#child.stdout.cancel().catch(() => {});
    }
    const { code, signal } = await this.#child.status;
    clearInterval(this.#watch);
    this.#ending.abort();
    await stderr;
    await this.#weighing;
    await this.#standingBack;
    await this.#standingAside;
    await this.#suspicion;
    await this.#judgement;
    await this.#input.abort().catch(() => {});
    this.#events.ended(this.#killReason ?? reasonOf(code, signal, this.#stderr));
  }

  async #untilLogHasRoom(): Promise<void> {
    this.#hasLogged = false;
    const room = this.#events.logRoom();
    if (room === null) return;
    this.#isHeldUp = true;
    await Promise.race([room, this.#child.status]);
    this.#isHeldUp = false;
    this.noteProgress();
    this.#silentSince = this.#busy ? performance.now() : null;
    this.#suspicion = null;
  }

  #receive(frame: Frame): void {
    checkPayload(frame);
    if (frame.type === FrameType.Log) this.#hasLogged = true;
    const began = performance.now();
    if (!NO_SIGN.has(frame.type)) this.#sign();
    const before = this.#lastProgress;
    this.#events.frame(frame);
    const now = performance.now();
    if (this.#lastProgress === before) this.#chatter.spent(now - began, now);
  }

  async #collectStderr(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stderr) {
      if (this.#stderr.length < MAX_STDERR) this.#stderr += decoder.decode(chunk, { stream: true });
    }
  }
}

/**
 * What is read of a stream, each time into the same memory: it is to be copied before the next. New
 * memory for every read would be most of what the server has to collect.
 */
async function* chunksOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader({ mode: "byob" });
  try {
    let space = new Uint8Array(READ_BYTES);
    for (;;) {
      const { value, done } = await reader.read(space);
      if (done || value === undefined) return;
      yield value;
      space = new Uint8Array(value.buffer);
    }
  } finally {
    reader.releaseLock();
  }
}

function reasonOf(code: number, signal: Deno.Signal | null, stderr: string): string {
  if (/heap out of memory|allocation failed|Reached heap limit|OOM/i.test(stderr)) {
    return "it used more memory than it may and its process died";
  }
  const words = stderr.trim().split("\n").slice(-3).join(" ").slice(0, 500);
  const end = signal === null ? `code ${code}` : signal;
  return `its process ended (${end})${words === "" ? "" : `: ${words}`}`;
}
