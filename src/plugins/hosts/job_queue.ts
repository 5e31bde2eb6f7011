/**
 * The jobs of one plugin process, in order. A crash costs the event that caused it; the others are
 * done again.
 */
import { encodeEvents, type EventResult, ResultStatus } from "../../../plugins_runtime/frames.ts";
import { failure, Job, passedBy, unfinished } from "./job.ts";

/**
 * Frames, events and bytes that are with the process at a time, so that it never waits for the next.
 * What is with it cannot go to another worker, nor be called back when the plugin turns out slow.
 */
const IN_FLIGHT = 64;
const IN_FLIGHT_EVENTS = 500;
const IN_FLIGHT_BYTES = 4 * 1024 * 1024;

/** Told of each event that failed, whether the plugin said so or died of it. */
export type OnFailure = (job: Job, result: EventResult) => void;

export class JobQueue {
  readonly #onFailure: OnFailure;
  /** Those with the process are at the front. */
  #jobs: Job[] = [];
  #sent = 0;
  #waitingEvents = 0;
  #done = 0;
  /** While a crash is looked into, its job's events go one by one. */
  #single: { readonly job: Job; readonly index: number } | null = null;
  #nextId = 1;

  constructor(onFailure: OnFailure) {
    this.#onFailure = onFailure;
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  /** Events whose results somebody waits for. */
  get waitingEvents(): number {
    return this.#waitingEvents;
  }

  /** Events that the process gave a result for, ever since. */
  get done(): number {
    return this.#done;
  }

  /** What the process is at; null where it has nothing. */
  get current(): Job | null {
    return this.#sent > 0 ? this.#jobs[0] as Job : null;
  }

  /** How long the oldest job that is not with the process has waited, in ms; 0 where none does. */
  waitedMs(now: number): number {
    const job = this.#jobs[this.#sent];
    return job === undefined ? 0 : now - job.addedAt;
  }

  /** Results in input order; null where they were withdrawn. */
  add(configId: number, texts: readonly Uint8Array[]): Promise<EventResult[] | null> {
    this.#waitingEvents += texts.length;
    return new Promise((resolve) => {
      const done = (results: EventResult[] | null) => {
        this.#waitingEvents -= texts.length;
        resolve(results);
      };
      this.#jobs.push(new Job(this.#nextId++, configId, texts, done));
    });
  }

  /**
   * The frames that the process has room for now; from here on it has them.
   * @param most frames that it may have at a time
   */
  takeFrames(most = IN_FLIGHT): Uint8Array[] {
    // Nobody waits for these any more.
    while (this.#sent === 0 && this.#jobs[0]?.isHandedOn) this.#jobs.shift();
    const [first] = this.#jobs;
    if (first !== undefined && first.strikes > 0) return this.#takeSingle(first);
    const frames: Uint8Array[] = [];
    let [events, bytes] = [0, 0];
    for (let index = 0; index < this.#sent; index++) {
      const job = this.#jobs[index] as Job;
      events += job.texts.length;
      bytes += job.bytes;
    }
    while (this.#sent < Math.min(this.#jobs.length, most)) {
      const job = this.#jobs[this.#sent] as Job;
      events += job.texts.length;
      bytes += job.bytes;
      if (job.strikes > 0 || this.#sent > 0 && bytes > IN_FLIGHT_BYTES) break;
      // Two at least, or the process would wait for the next.
      if (this.#sent > 1 && events > IN_FLIGHT_EVENTS) break;
      frames.push(this.#take(job, job.texts));
    }
    return frames;
  }

  /** After a crash: one event, alone, so that the next crash says which it was. */
  #takeSingle(job: Job): Uint8Array[] {
    if (this.#single !== null) return [];
    const index = job.firstMissing;
    this.#single = { job, index };
    return [this.#take(job, [job.texts[index] as Uint8Array])];
  }

  #take(job: Job, texts: readonly Uint8Array[]): Uint8Array {
    this.#sent++;
    job.sentAt = performance.now();
    return encodeEvents(job.id, job.configId, texts);
  }

  /**
   * Takes results in. Only what was asked for counts, and only once: anything else is a forgery and
   * is ignored. Returns the job that they are for, or null; one that is complete was handed on.
   */
  receive(id: number, results: readonly EventResult[]): Job | null {
    const position = this.#jobs.findIndex((job) => job.id === id);
    if (position === -1 || position >= this.#sent) return null;
    const job = this.#jobs[position] as Job;
    const alone = this.#single?.job === job ? this.#single.index : null;
    let taken = 0;
    for (const result of results) {
      const placed = alone === null ? result : { ...result, index: alone };
      if (!job.take(placed)) continue;
      taken++;
      if (job.isHandedOn) continue;
      const { status } = placed;
      if (status === ResultStatus.Failed || status === ResultStatus.TimedOut) {
        this.#onFailure(job, placed);
      }
    }
    // Results that are none bring nothing forward, and are no progress.
    if (taken === 0) return null;
    this.#done += taken;
    this.#single = null;
    if (job.isComplete) {
      this.#jobs.splice(position, 1);
      this.#sent--;
      job.finish();
    } else if (job.strikes > 0) {
      this.#sent--;
    }
    return job;
  }

  /** The process is gone, though not by a crash: what it had is to be sent again. */
  unsend(): void {
    this.#sent = 0;
    this.#single = null;
  }

  /**
   * The process died: blames the event that was alone with it, or, after too many crashes, all that
   * is left of its job. Everything else is to be sent again, but for what nobody waits for.
   */
  crashed(reason: string): void {
    const alone = this.#single?.index ?? null;
    this.unsend();
    this.#jobs = this.#jobs.filter((job) => !job.isHandedOn);
    const [job] = this.#jobs;
    if (job === undefined) return;
    for (const result of job.blame(alone, { message: `the plugin stopped: ${reason}` })) {
      this.#onFailure(job, result);
    }
    if (!job.isComplete) return;
    this.#jobs.shift();
    job.finish();
  }

  /** Whether there is any of a config. */
  has(configId: number): boolean {
    return this.#jobs.some((job) => job.configId === configId);
  }

  /**
   * Gives back what is not with the process, of one config or of all, but for a job that a crash is
   * looked into for.
   */
  withdraw(configId?: number): void {
    const waiting = this.#jobs.splice(this.#sent);
    const stays = (job: Job) =>
      job.strikes > 0 || configId !== undefined && job.configId !== configId;
    this.#jobs.push(...waiting.filter(stays));
    for (const job of waiting) if (!stays(job)) job.withdraw();
  }

  /** Lets all that wait pass the plugin by; what the process is at is waited for by nobody then. */
  passBy(reason: string): void {
    for (const job of this.#jobs) job.finish((index) => failure(index, { message: reason }));
    this.#jobs.length = this.#sent;
  }

  /** The process ended while it had these, of one config or of all: nobody tries them here again. */
  leaveUnfinished(configId?: number): void {
    this.unsend();
    const left = this.#jobs;
    this.#jobs = [];
    for (const job of left) {
      if (configId !== undefined && job.configId !== configId) this.#jobs.push(job);
      else job.finish(unfinished);
    }
  }

  /** Lets everything pass by, as there is no process any more; without a reason it is unmarked. */
  clear(reason: string | null): void {
    const rest = reason === null
      ? passedBy
      : (index: number) => failure(index, { message: reason });
    this.unsend();
    for (const job of this.#jobs.splice(0)) job.finish(rest);
  }
}
