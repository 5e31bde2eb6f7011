import { getLogger } from "@logtape/logtape";
import type { NewHookJob } from "../jobs/new_job.ts";

interface Share {
  /** Jobs added since they were counted. */
  added: number;
  refusedUntil: number;
}

/** They are counted after so many more. */
const COUNT_AFTER = 1_000;
const REFUSE_MS = 10_000;

/**
 * Bounds what waits for a team's receivers: where they do not answer for long, what comes beyond is
 * dropped and said, before it fills the disk.
 */
export class HookQuota {
  readonly #waiting: (teamId: number) => Promise<number>;
  readonly #maxPerTeam: number;
  readonly #shares = new Map<number, Share>();
  readonly #log = getLogger(["paddock", "actions"]);

  /** @param waiting how many of a team's jobs wait */
  constructor(waiting: (teamId: number) => Promise<number>, maxPerTeam: number) {
    this.#waiting = waiting;
    this.#maxPerTeam = maxPerTeam;
  }

  /** Those of the jobs that may be added. */
  async admitted(jobs: readonly NewHookJob[]): Promise<NewHookJob[]> {
    const byTeam = Map.groupBy(jobs, ({ teamId }) => teamId);
    const refused = new Set<number>();
    for (const [teamId, { length }] of byTeam) {
      if (await this.#mayAdd(teamId, length)) continue;
      refused.add(teamId);
      this.#log.with({ team: teamId })
        .error`team ${teamId}: ${length} requests to hooks are dropped: over ${this.#maxPerTeam} wait already (HOOK_MAX_PER_TEAM)`;
    }
    return jobs.filter(({ teamId }) => !refused.has(teamId));
  }

  async #mayAdd(teamId: number, count: number): Promise<boolean> {
    const share = this.#shares.get(teamId) ?? { added: 0, refusedUntil: 0 };
    this.#shares.set(teamId, share);
    if (performance.now() < share.refusedUntil) return false;
    share.added += count;
    if (share.added < COUNT_AFTER) return true;
    const waiting = await this.#waiting(teamId);
    share.added = 0;
    if (waiting + count <= this.#maxPerTeam) return true;
    share.refusedUntil = performance.now() + REFUSE_MS;
    // Counted again with the first that come afterwards.
    share.added = COUNT_AFTER;
    return false;
  }
}
