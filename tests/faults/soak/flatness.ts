/** Whether what was sampled stays as it was: its last third against its first. */

export interface Sample {
  /** Milliseconds since the beginning. */
  readonly at: number;
  readonly value: number;
}

export interface Third {
  readonly count: number;
  readonly median: number;
  readonly p95: number;
}

/** Growth is only said of what was measured. */
export type Verdict = "flat" | "NOT flat" | "not measured";

export interface Flatness {
  readonly thirds: readonly [Third, Third, Third];
  readonly verdict: Verdict;
}

/** Fewer samples than these in a third are no measurement of it. */
const MIN_SAMPLES = 5;

/**
 * Flat is a last third whose median is at most `factor` times the first's, and `slack` on top.
 * @param warmUpMs not counted, as a server that was just started fills its caches
 */
export function flatness(
  samples: readonly Sample[],
  { warmUpMs, factor, slack }: {
    readonly warmUpMs: number;
    readonly factor: number;
    readonly slack: number;
  },
): Flatness {
  const counted = samples.filter(({ at }) => at >= warmUpMs);
  const end = counted.at(-1)?.at ?? 0;
  const length = (end - warmUpMs) / 3;
  const third = (index: number) =>
    thirdOf(
      counted.filter(({ at }) => Math.min(2, Math.floor((at - warmUpMs) / length)) === index),
    );
  const thirds = [third(0), third(1), third(2)] as const;
  const [first, , last] = thirds;
  if (thirds.some(({ count }) => count < MIN_SAMPLES)) return { thirds, verdict: "not measured" };
  const isFlat = last.median <= first.median * factor + slack;
  return { thirds, verdict: isFlat ? "flat" : "NOT flat" };
}

function thirdOf(samples: readonly Sample[]): Third {
  const values = samples.map(({ value }) => value).sort((one, other) => one - other);
  const at = (share: number) => values[Math.floor((values.length - 1) * share)] ?? NaN;
  return { count: values.length, median: at(0.5), p95: at(0.95) };
}
