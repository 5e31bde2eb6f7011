/** The capture endpoints: PostHog's of late 2021, as its client libraries use them. */
import { getLogger } from "@logtape/logtape";
import { aboutSeveral } from "../../telemetry/about.ts";
import { errorMessage } from "../../errors.ts";
import type { RawEvent } from "../../events/types.ts";
import type { Inbox } from "../../sources/inbox.ts";
import type { ClientAddress } from "../client_address.ts";
import { type BodyLimits, readBody } from "./body.ts";
import { eventsOf } from "./events.ts";
import { Refusal } from "./refusal.ts";
import { teamOf, type TokenLookup } from "./token.ts";

export interface CaptureParts {
  readonly inbox: Inbox;
  readonly tokens: TokenLookup;
  readonly clients: ClientAddress;
  readonly limits: BodyLimits;
}

/** Answers 200 only once every event of the request is durable. */
export class CaptureHandler {
  readonly #parts: CaptureParts;
  readonly #log = getLogger(["paddock", "capture"]);

  constructor(parts: CaptureParts) {
    this.#parts = parts;
  }

  /** @param peer the address at the other end of the connection */
  async handle(request: Request, peer: string): Promise<Response> {
    let events: readonly RawEvent[] = [];
    try {
      const { inbox, tokens, clients, limits } = this.#parts;
      const url = new URL(request.url);
      const body = await readBody(request, limits);
      const team = await teamOf(body, request.method, tokens);
      events = eventsOf(body, url.pathname, {
        teamId: team.id,
        ip: team.anonymizeIps ? null : clients.of(peer, request.headers.get("x-forwarded-for")),
        siteUrl: url.origin,
        now: new Date().toISOString(),
      });
      if (events.length > 0) await inbox.append(events);
      return Response.json({ status: 1 });
    } catch (error) {
      return this.#refuse(error, events);
    }
  }

  #refuse(error: unknown, events: readonly RawEvent[]): Response {
    if (error instanceof Refusal) {
      const headers: HeadersInit = error.status === 503 ? { "retry-after": "5" } : {};
      return Response.json(error, { status: error.status, headers });
    }
    // Whatever it is, the events are not durable: the sender has to try again.
    aboutSeveral(this.#log, events).warn`events were not accepted: ${errorMessage(error)}`;
    const refusal = new Refusal(503, "storage_unavailable", "The event could not be stored now.");
    return Response.json(refusal, { status: 503, headers: { "retry-after": "5" } });
  }
}
