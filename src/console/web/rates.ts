/** Speeds out of totals, between one answer and the one before. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { PluginRow } from "./api.ts";

export interface Rate {
  readonly perSecond: number;
  /** Of the last events that there were; null before the first. */
  readonly msPerEvent: number | null;
}

/** By plugin id. */
export function useRates(rows: readonly PluginRow[] | null): ReadonlyMap<number, Rate> {
  const before = useRef<{ at: number; rows: readonly PluginRow[] } | undefined>(undefined);
  const [rates, setRates] = useState<ReadonlyMap<number, Rate>>(new Map());
  useEffect(() => {
    if (rows === null) return;
    const at = performance.now();
    const last = before.current;
    before.current = { at, rows };
    setRates((known) => new Map(rows.map((row) => [row.id, rateOf(row, known.get(row.id))])));

    function rateOf({ id, activity }: PluginRow, known: Rate | undefined): Rate {
      const then = last?.rows.find((row) => row.id === id)?.activity;
      if (activity === null) return { perSecond: 0, msPerEvent: null };
      if (last === undefined || then === undefined || then === null) {
        const msPerEvent = activity.events === 0 ? null : activity.busyMs / activity.events;
        return { perSecond: 0, msPerEvent };
      }
      const events = activity.events - then.events;
      return {
        perSecond: Math.max(0, events) / ((at - last.at) / 1000),
        msPerEvent: events > 0
          ? (activity.busyMs - then.busyMs) / events
          : known?.msPerEvent ?? null,
      };
    }
  }, [rows]);
  return rates;
}
