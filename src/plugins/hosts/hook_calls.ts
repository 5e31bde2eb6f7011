/** Calls into a plugin's process that wait for their answer. */
import type { Frame } from "../../../plugins_runtime/frames.ts";
import {
  encodeHookCall,
  type HookRequest,
  readHookReport,
} from "../../../plugins_runtime/hook_frames.ts";
import type { HookOutcome } from "../../pipeline/plugin_hooks.ts";

/** A call, and what came of it. */
export interface AnsweredCall {
  readonly request: HookRequest;
  readonly texts: readonly Uint8Array[];
  readonly outcome: HookOutcome;
}

interface PendingCall {
  readonly id: number;
  readonly request: HookRequest;
  readonly texts: readonly Uint8Array[];
  isSent: boolean;
  /** Events of it that the process did not say yet that it is done with. */
  eventsLeft: number;
  readonly settle: (outcome: HookOutcome) => void;
}

/** The calls of one plugin, in order, over as many processes as it takes. */
export class HookCalls {
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 1;

  /** Calls without an answer. */
  get size(): number {
    return this.#pending.size;
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
      this.#pending.set(id, {
        id,
        request,
        texts,
        isSent: false,
        eventsLeft: texts.length,
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
    const outcome: HookOutcome = !report.isReady
      ? { status: "unavailable", reason: "the plugin is not set up" }
      : report.error !== null
      ? { status: "failed", error: report.error, isRetryable: report.isRetryable }
      : {
        status: "done",
        failures: report.failures.filter(({ index }) => texts[index] !== undefined),
      };
    this.#settle(call, outcome);
    return { request, texts, outcome };
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
