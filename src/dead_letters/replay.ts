/**
 * Puts dead letters back to where events and jobs wait, to be processed once more.
 *
 * Each step is one transaction that takes letters out of their table and appends them to the durable
 * queue, so that a replay that is cut off has done some letters in full and others not at all, and
 * goes on where it ended when it is started again. An event keeps its uuid: one that was stored
 * after all is recognised.
 */
import { errorMessage, PaddockError } from "../errors.ts";
import { isObject } from "../events/person_properties.ts";
import type { RawEvent } from "../events/types.ts";
import type { JobSink } from "../jobs/new_job.ts";
import { RequestedJobs } from "../jobs/requested_jobs.ts";
import { parseMessage } from "../sources/celery/message.ts";
import type { PluginJob, ReceivedItem } from "../sources/source.ts";
import type { Database, Queryable } from "../stores/postgres/database.ts";
import type {
  DeadLetterFilter,
  DeadLetters,
  StoredDeadLetter,
} from "../stores/postgres/dead_letters.ts";
import { INBOX_CHANNEL, PostgresInbox } from "../stores/postgres/inbox/inbox.ts";

export interface ReplayParts {
  readonly database: Database;
  readonly letters: DeadLetters;
  /**
   * Where jobs go; null where there is no queue. Given the transaction, so that jobs of a queue in
   * the same database are moved exactly once; any other takes them at least once.
   */
  readonly jobs: ((tx: Queryable) => JobSink) | null;
}

/** How far a replay is. */
export interface ReplayProgress {
  /** Letters that matched when it began. */
  readonly total: number;
  /** Of those looked at: put back, and left where they are. */
  readonly replayed: number;
  readonly refused: number;
}

export interface ReplayReport extends ReplayProgress {
  /** Why letters stay: the first hundred of them. */
  readonly reasons: readonly { readonly id: string; readonly reason: string }[];
}

export interface ReplayOptions {
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Ends it after the step under way. */
  readonly signal?: AbortSignal;
}

const STEP = { letters: 500, bytes: 16_000_000 };
const MAX_REASONS = 100;

/**
 * Replays what matches now; what fails again meanwhile becomes a new letter and is left alone.
 * @throws PaddockError PDK_DATABASE_UNAVAILABLE: start it again, and it goes on
 */
export async function replayDeadLetters(
  { database, letters, jobs }: ReplayParts,
  filter: DeadLetterFilter,
  { onProgress = () => {}, signal }: ReplayOptions = {},
): Promise<ReplayReport> {
  const { count: total, lastId: until } = await letters.count(database, filter);
  const reasons: { id: string; reason: string }[] = [];
  let [replayed, refused, after] = [0, 0, "0"];
  while (!signal?.aborted) {
    const ids = await letters.next(database, filter, { after, until }, STEP);
    if (ids.length === 0) break;
    const refusals = await database.transaction(async (tx) => {
      const locked = await letters.lock(tx, ids);
      const refusals = await putBack(tx, locked, jobs);
      const done = locked.map(({ id }) => id).filter((id) => !refusals.has(id));
      await letters.remove(tx, { ids: done });
      replayed += done.length;
      return refusals;
    });
    refused += refusals.size;
    for (const [id, reason] of refusals) {
      if (reasons.length < MAX_REASONS) reasons.push({ id, reason });
    }
    after = ids.at(-1) as string;
    onProgress({ total, replayed, refused });
  }
  return { total, replayed, refused, reasons };
}

/** Letters that cannot be put back: id → why. */
async function putBack(
  tx: Queryable,
  letters: readonly StoredDeadLetter[],
  jobs: ReplayParts["jobs"],
): Promise<Map<string, string>> {
  const refusals = new Map<string, string>();
  const events: RawEvent[] = [];
  const wanted: { id: string; job: PluginJob }[] = [];
  for (const letter of letters) {
    try {
      const item = itemOf(letter);
      if (item.kind === "bad") throw new PaddockError(item.code, item.reason);
      if (item.kind === "event") events.push({ ...item.event, attempts: letter.attempts });
      else if (jobs !== null) wanted.push({ id: letter.id, job: item.job });
      else throw new PaddockError("PDK_JOB_UNSUPPORTED", "there is no job queue (JOB_QUEUES)");
    } catch (error) {
      refusals.set(letter.id, errorMessage(error));
    }
  }
  if (events.length > 0) {
    await new PostgresInbox(tx).append(events);
    await tx.query("SELECT pg_notify($1, '')", [INBOX_CHANNEL]);
  }
  if (jobs !== null && wanted.length > 0) {
    const outcomes = await new RequestedJobs(tx, jobs(tx)).enqueue(wanted.map(({ job }) => job));
    outcomes.forEach((refusal, index) => {
      if (refusal !== null) refusals.set(wanted[index]?.id ?? "", refusal.message);
    });
  }
  return refusals;
}

/** What the letter was when it came. */
function itemOf({ kind, payload }: StoredDeadLetter): ReceivedItem {
  // Another version may understand what this one's predecessor did not.
  if (kind === "message") return parseMessage(payload);
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    throw new PaddockError("PDK_EVENT_INVALID", "its payload was not kept as JSON");
  }
  const bytes = payload.length;
  if (kind === "event" && isObject(value) && isObject(value.data)) {
    return { kind, event: value as unknown as RawEvent, bytes };
  }
  if (kind === "job" && isObject(value) && isObject(value.payload)) {
    return { kind, job: value as unknown as PluginJob, bytes };
  }
  throw new PaddockError("PDK_EVENT_INVALID", `its payload is not an ${kind}`);
}
