/** Keeps a line that comes again and again from filling the log: the first few, then how many more. */
import type { LogRecord, Sink } from "@logtape/logtape";

export interface RepeatOptions {
  /** Lines of one kind that are written within `windowMs`. */
  readonly most: number;
  readonly windowMs: number;
  /** Kinds that are kept apart; more of them share one count. */
  readonly kinds: number;
}

const DEFAULTS: RepeatOptions = { most: 10, windowMs: 10_000, kinds: 1_000 };

interface Kind {
  readonly since: number;
  written: number;
  /** Not written since then, and the last of them. */
  held: number;
  last: LogRecord;
}

export class Repeats {
  readonly #sink: Sink;
  readonly #options: RepeatOptions;
  readonly #kinds = new Map<string, Kind>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sink: Sink, options: Partial<RepeatOptions> = {}) {
    this.#sink = sink;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Lines are of one kind where the same place in the code wrote them, whatever they name. */
  write(record: LogRecord): void {
    const { most, windowMs, kinds } = this.#options;
    let key = kindOf(record);
    if (!this.#kinds.has(key) && this.#kinds.size >= kinds) key = "";
    let kind = this.#kinds.get(key);
    if (kind !== undefined && record.timestamp - kind.since >= windowMs) {
      this.#sum(kind);
      kind = undefined;
    }
    if (kind === undefined) {
      kind = { since: record.timestamp, written: 0, held: 0, last: record };
      this.#kinds.set(key, kind);
    }
    if (kind.written < most) {
      kind.written++;
      this.#sink(record);
      return;
    }
    kind.held++;
    kind.last = record;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.flush(), windowMs);
    Deno.unrefTimer(this.#timer);
  }

  /** Says how many were held back so far, and begins anew. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const kind of this.#kinds.values()) this.#sum(kind);
    this.#kinds.clear();
  }

  #sum({ held, last }: Kind): void {
    if (held === 0) return;
    this.#sink({ ...last, message: [...last.message, ` (and ${held - 1} more like it)`, ""] });
  }
}

function kindOf({ category, rawMessage }: LogRecord): string {
  const text = typeof rawMessage === "string" ? rawMessage : rawMessage.join("{}");
  return `${category.join(".")} ${text}`;
}
