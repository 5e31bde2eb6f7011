/** Calls into a plugin's process that wait for their answer. */
import type { Frame } from "../../../plugins_runtime/frames.ts";
import {
  encodeHookCall,
  type HookRequest,
  readHookReport,
} from "../../../plugins_runtime/hook_frames.ts";
import type { HookOutcome } from "../../pipeline/plugin_hooks.ts";
import { here, type TracePlace } from "../../telemetry/tracing.ts";

/** A call, and what came of it. */
export interface AnsweredCall {
  readonly request: HookRequest;
  readonly texts: readonly Uint8Array[];
  readonly outcome: HookOutcome;
  /** Of the monotonic clock: when it was asked for, and when the process got it. */
  readonly addedAt: number;
  readonly sentAt: number;
  /** Where it was asked for. */
  readonly place: TracePlace;
}

interface PendingCall {
  readonly id: number;
  readonly request: HookRequest;
  readonly texts: readonly Uint8Array[];
  isSent: boolean;
  /** Events of it that the process did not say yet that it is done with. */
  eventsLeft: number;
  readonly addedAt: number;
  sentAt: number;
  readonly place: TracePlace;
  readonly settle: (outcome: HookOutcome) => void;
}

/** The calls of one plugin, in order, over as many processes as it takes. */
export class HookCalls {
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 1;
  #done = 0;

  /** Calls without an answer. */
  get size(): number {
    return this.#pending.size;
  }

  /** Calls that were answered, ever since, each of several events as so many. */
  get done(): number {
    return this.#done;
  }

  /** Whether the process has one in hand. */
  get isBusy(): boolean {
    for (const { isSent } of this.#pending.values()) if (isSent) return true;
    return false;
  }

  /** Keeps a call until it is sent and answered. */
  add(request: HookRequest, texts: readonly Uint8Array[]): Promise<HookOutcome> {
    return new Promise((settle) => {
      const id = this.#nextId++;
      const addedAt = performance.now();
      this.#pending.set(id, {
        id,
        request,
        texts,
        isSent: false,
        eventsLeft: texts.length,
        addedAt,
        sentAt: addedAt,
        place: here(),
        settle,
      });
    });
  }

  /**
   * The process says that it is done with another event of a call. False where it said so for every
   * event: a plugin that says more is at nothing.
   */
  noteEvent(): boolean {
    for (const call of this.#pending.values()) {
      if (!call.isSent || call.eventsLeft === 0) continue;
      call.eventsLeft--;
      return true;
    }
    return false;
  }

  /** Sends what is not with the process yet. */
  send(send: (frame: Uint8Array) => void): void {
    for (const call of this.#pending.values()) {
      if (call.isSent) continue;
      call.isSent = true;
      call.sentAt = performance.now();
      send(encodeHookCall(call.id, call.request, call.texts));
    }
  }

  /**
   * An answer. Only one that was asked for counts, and only once: another is a forgery and ignored.
   * @returns the call it is for, and what came of it
   * @throws where the frame is none
   */
  answered(
    { id, payload }: Pick<Frame, "id" | "payload">,
  ): AnsweredCall | null {
    const report = readHookReport(payload);
    const call = this.#pending.get(id);
    if (call === undefined || !call.isSent) return null;
    const { request, texts } = call;
    this.#done += Math.max(1, texts.length);
    const outcome: HookOutcome = !report.isReady
      ? { status: "unavailable", reason: "the plugin is not set up" }
      : report.error !== null
      ? { status: "failed", error: report.error, isRetryable: report.isRetryable }
      : {
        status: "done",
        failures: report.failures.filter(({ index }) => texts[index] !== undefined),
      };
    this.#settle(call, outcome);
    const { addedAt, sentAt, place } = call;
    return { request, texts, outcome, addedAt, sentAt, place };
  }

  /** The process is gone: what it had in hand crashed with it, the rest waits for the next. */
  crashed(reason: string): void {
    for (const call of [...this.#pending.values()]) {
      if (call.isSent) this.#settle(call, { status: "crashed", reason });
    }
  }

  /** Nothing will be called. */
  refuse(reason: string): void {
    for (const call of [...this.#pending.values()]) {
      this.#settle(call, { status: "unavailable", reason });
    }
  }

  #settle(call: PendingCall, outcome: HookOutcome): void {
    this.#pending.delete(call.id);
    call.settle(outcome);
  }
}
