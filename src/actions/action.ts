/** Actions: named conditions on events that users make. One matches if any of its steps does. */

/** A row of `posthog_actionstep`. What is null or empty in it is not asked for. */
export interface ActionStep {
  readonly tagName: string | null;
  readonly text: string | null;
  readonly href: string | null;
  readonly selector: string | null;
  readonly url: string | null;
  /** `exact`, `regex`, or `contains` (also meant by anything else). */
  readonly urlMatching: string | null;
  readonly event: string | null;
  /** A list of property filters, as the application wrote it. */
  readonly properties: unknown;
}

/** A row of `posthog_action` with its steps. */
export interface Action {
  readonly id: number;
  readonly teamId: number;
  readonly name: string | null;
  /** Whether its matches go to the team's webhook. */
  readonly postToSlack: boolean;
  /** The message's template; empty for the default. */
  readonly slackMessageFormat: string;
  readonly steps: readonly ActionStep[];
}
