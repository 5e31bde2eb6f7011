import type { Session } from "./sessions.ts";

/** What a request of the console brings besides itself. */
export interface ConsoleEnv {
  Bindings: {
    /** The address at the other end of the connection. */
    readonly peer: string;
  };
  Variables: {
    readonly session: Session;
    /** The address of whoever asks, behind proxies that are trusted. */
    readonly client: string;
  };
}
