import type { ErrorCode } from "../errors.ts";

/** What the payload is: an event or a job as JSON, or a message as it was received. */
export type DeadLetterKind = "event" | "job" | "message";

/** Something that could not be stored, with all an operator needs to mend and replay it. */
export interface DeadLetter {
  readonly kind: DeadLetterKind;
  readonly source: string;
  readonly teamId: number | null;
  readonly eventUuid: string | null;
  readonly event: string | null;
  readonly distinctId: string | null;
  /** Where it failed: `receive`, `decode`, `write`. */
  readonly step: string;
  readonly pluginConfigId: number | null;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly attempts: number;
  /** What arrived, as text. */
  readonly payload: string;
}
