/** Moments on a command line. */
import { PaddockError } from "../errors.ts";
import { parseDate } from "../events/timestamps.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A date (`2021-10-28`, `2021-10-28T12:00:00Z`; UTC where no zone is named), or so long ago (`30m`,
 * `12h`, `7d`).
 * @throws PaddockError PDK_USAGE
 */
export function moment(name: string, now = Date.now): (text: string) => Date {
  return (text) => {
    const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
    const ms = unit === undefined
      ? parseDate(text)
      : now() - Number(count) * (UNIT_MS[unit] as number);
    if (Number.isNaN(ms)) {
      throw new PaddockError(
        "PDK_USAGE",
        `${name}: '${text}' is neither a date like 2021-10-28T12:00:00Z nor a time like 30m, 12h or 7d`,
      );
    }
    return new Date(ms);
  };
}
