/** Reports warnings and errors of the log to Sentry, where SENTRY_DSN says so and nowhere else. */
import { type DenoClient, init } from "@sentry/deno";
import type { LogRecord } from "@logtape/logtape";
import { lineText } from "./line_text.ts";

/** How long the last reports may take when the process ends. */
const CLOSE_MS = 2_000;

export class Sentry {
  readonly #client: DenoClient;

  /** @throws Error where the DSN is none */
  constructor(dsn: string, release: string) {
    const client = init({
      dsn,
      release: `paddock@${release}`,
      // What is reported is what the log says: nothing is hooked into the runtime.
      defaultIntegrations: false,
      // It would take the place of Deno's traces, which would then go nowhere.
      skipOpenTelemetrySetup: true,
      sendClientReports: false,
    }) as DenoClient | undefined;
    if (client?.getDsn() === undefined) throw new Error("it is no DSN");
    this.#client = client;
  }

  /** A line of the log; those below a warning are not reported. */
  write(record: LogRecord): void {
    const { level, category, properties, rawMessage } = record;
    if (level !== "warning" && level !== "error" && level !== "fatal") return;
    const part = category.slice(1).join(".");
    this.#client.captureEvent({
      message: lineText(record),
      level,
      logger: part,
      tags: { part },
      extra: properties,
      // One issue per place in the code, however many names its lines have.
      fingerprint: [part, typeof rawMessage === "string" ? rawMessage : rawMessage.join("{}")],
    });
  }

  /** Sends what waits. */
  async close(): Promise<void> {
    await this.#client.close(CLOSE_MS);
  }
}
