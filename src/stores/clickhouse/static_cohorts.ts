/** Cohorts of uploaded lists: in Kafka mode the application keeps their members in ClickHouse. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import type { ClickHouse } from "./client.ts";

/** Memberships that are asked for: every one of these people in every one of these cohorts. */
export interface AskedMembers {
  readonly teamIds: readonly number[];
  readonly cohortIds: readonly number[];
  readonly personUuids: readonly string[];
}

export interface StaticMember {
  readonly cohortId: number;
  readonly personUuid: string;
}

/** Somebody's transaction waits for the answer. */
const PATIENCE_MS = 2_000;
/** After a failure it is not asked for so long, so that no batch waits for it but one now and then. */
const REST_MS = 10_000;

export class StaticCohorts {
  readonly #clickhouse: ClickHouse;
  readonly #log = getLogger(["paddock", "clickhouse"]);
  #restsUntil = 0;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /**
   * The memberships that there are, in one query. None where ClickHouse cannot tell: what else makes
   * an action match goes on without it, and events do not wait for it.
   */
  async membersOf({ teamIds, cohortIds, personUuids }: AskedMembers): Promise<StaticMember[]> {
    if (performance.now() < this.#restsUntil) return [];
    try {
      const members = await this.#clickhouse.query<StaticMember>(
        `SELECT cohort_id AS cohortId, toString(person_id) AS personUuid FROM person_static_cohort
         WHERE team_id IN {teamIds: Array(Int64)} AND cohort_id IN {cohortIds: Array(Int64)}
           AND person_id IN {personUuids: Array(UUID)}`,
        { teamIds, cohortIds, personUuids },
        PATIENCE_MS,
      );
      this.#restsUntil = 0;
      return members;
    } catch (error) {
      if (this.#restsUntil === 0) {
        this.#log.warn`static cohorts count as empty for actions: ${errorMessage(error)}`;
      }
      this.#restsUntil = performance.now() + REST_MS;
      return [];
    }
  }
}
