/** Requests to the server, and what it answers with. */
import type { Sample } from "../sampler.ts";

export interface SessionInfo {
  readonly csrf: string | null;
  readonly needsToken: boolean;
  readonly version: string;
}

/** Why the server refused, in its words. */
export class Refused extends Error {
  readonly status: number;
  readonly problems: readonly { readonly key: string; readonly message: string }[];

  constructor(status: number, message: string, problems: Refused["problems"] = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

let csrf: string | null = null;
let onSignedOut: () => void = () => {};

/** @param signedOut called when the server no longer knows this session */
export function rememberSession(session: SessionInfo, signedOut: () => void): void {
  csrf = session.csrf;
  onSignedOut = signedOut;
}

export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return await request<Answer>("GET", path, undefined, signal);
}

export async function send<Answer = unknown>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  body: unknown = {},
): Promise<Answer> {
  return await request<Answer>(method, path, body);
}

async function request<Answer>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await fetch(`/api${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(csrf === null ? {} : { "x-csrf-token": csrf }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error) => {
    if (signal?.aborted) throw error;
    throw new Refused(0, "The server does not answer.");
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer as Answer;
  if (response.status === 401 && path !== "/session") onSignedOut();
  throw new Refused(
    response.status,
    answer.error ?? `The server answered ${response.status}.`,
    answer.problems,
  );
}

export interface Team {
  readonly id: number;
  readonly name: string;
  readonly apiToken: string;
  readonly organization: string;
}

export interface Overview {
  readonly samples: readonly Sample[];
  readonly health: {
    readonly ready: boolean;
    readonly parts: Readonly<
      Record<string, { isWell: boolean; isNeeded: boolean; since: string; reason?: string }>
    >;
  };
  readonly deadLetters: number;
  readonly servers: number;
  readonly storage: string;
  readonly startedAt: string;
  readonly version: string;
}

export interface Counts {
  readonly events: number;
  readonly changed: number;
  readonly dropped: number;
  readonly failed: number;
  readonly busyMs: number;
  readonly frames: number;
}

export interface PluginRow {
  readonly id: number;
  readonly name: string | null;
  readonly description: string | null;
  readonly pluginType: string | null;
  readonly url: string | null;
  readonly tag: string | null;
  readonly state: string;
  readonly order: number | null;
  readonly enabled: boolean;
  readonly otherTeams: number;
  readonly activity: Counts | null;
  /** Within the last minute. */
  readonly speed: {
    readonly eventsPerSecond: number;
    readonly p50Ms: number | null;
    readonly p99Ms: number | null;
  };
  readonly memoryBytes: number | null;
}

export interface TailLine {
  readonly number: number;
  readonly at: string;
  readonly point: string;
  readonly outcome?: "changed" | "unchanged" | "dropped" | "failed";
  readonly uuid: string;
  readonly event: string;
  readonly distinctId: string;
  readonly properties: string;
  readonly isCut?: true;
  readonly skipped?: number;
  readonly changes: readonly string[];
}

export interface Field {
  readonly key: string;
  readonly name: string | null;
  readonly type: string;
  readonly default: unknown;
  readonly required: boolean;
  readonly secret: boolean;
  readonly choices: readonly string[] | null;
  readonly hint: string | null;
}

export interface Refusal {
  readonly host: string;
  readonly reason: string;
  readonly count: number;
  readonly lastAt: string;
}

export interface PluginDetail {
  readonly id: number;
  readonly name: string | null;
  readonly description: string | null;
  readonly pluginType: string | null;
  readonly url: string | null;
  readonly tag: string | null;
  readonly fields: readonly Field[];
  readonly state: string;
  readonly isBroken: boolean;
  readonly config: {
    readonly id: number;
    readonly enabled: boolean;
    readonly order: number;
    readonly attachments: readonly string[];
    readonly error: { readonly message?: string; readonly time?: string } | null;
    readonly values: Readonly<Record<string, unknown>>;
  } | null;
  readonly granted: readonly string[];
  readonly grantedBySetting: readonly string[];
  readonly refused: readonly Refusal[];
}

export interface Requested {
  readonly hosts: readonly string[];
  /** Why the plugin cannot be loaded. */
  readonly loadError: string | null;
}

export interface LogLine {
  readonly id: string;
  readonly timestamp: string;
  readonly teamId: number;
  readonly source: string;
  readonly type: string;
  readonly message: string;
}

export interface Activity {
  readonly counts: Counts | null;
  readonly memoryBytes: number | null;
  readonly recent: readonly {
    readonly at: number;
    readonly outcome: "changed" | "dropped" | "failed";
    readonly event: unknown;
    readonly changes: readonly string[];
  }[];
}

export interface StoredEvent {
  readonly id: number;
  readonly event: string | null;
  readonly distinctId: string;
  readonly timestamp: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Person {
  readonly id: number;
  readonly uuid: string;
  readonly createdAt: string;
  readonly isIdentified: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly distinctIds: readonly string[];
}

export interface Letter {
  readonly id: string;
  readonly createdAt: string;
  readonly source: string;
  readonly teamId: number | null;
  readonly event: string | null;
  readonly distinctId: string | null;
  readonly step: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly payload?: string;
}

export interface SettingRow {
  readonly name: string;
  readonly group: string;
  readonly description: string;
  readonly value: string;
  readonly default: string;
  readonly origin: "environment" | "default";
}
