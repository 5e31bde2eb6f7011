/** The table of docs/guarantees.md. */
import type { Outcome } from "./run_fault.ts";
import { SOURCES } from "./load.ts";

export const TABLE_HEAD = [
  "| fault | source | rounds | events sent | lost | stored twice | recovered after |",
  "| --- | --- | --- | --- | --- | --- | --- |",
];

/** A line for each source: sums of all rounds, and the median and the longest recovery. */
export function tableLines(name: string, outcomes: readonly Outcome[]): string[] {
  return SOURCES.map((source) => {
    const sum = (part: "sent" | "lost" | "duplicated") =>
      outcomes.reduce((total, { sources }) => total + sources[source][part], 0);
    const seconds = outcomes.flatMap(({ recoveries }) => recoveries)
      .map(({ afterMs }) => afterMs[source] / 1_000).sort((one, other) => one - other);
    const after = `${seconds[seconds.length >> 1]?.toFixed(1)} s (${seconds.at(-1)?.toFixed(1)} s)`;
    const cells = [outcomes.length, sum("sent"), sum("lost"), sum("duplicated"), after];
    return `| ${[name, source, ...cells].join(" | ")} |`;
  });
}
