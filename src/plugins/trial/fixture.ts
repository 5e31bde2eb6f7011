/** What a plugin is tried with, and what is expected of it: a file `fixtures/*.json`. */
import { PaddockError } from "../../errors.ts";
import { isObject } from "../../events/person_properties.ts";
import type { JsonObject } from "../../events/types.ts";

/** A function of the plugin that is called once the events went through. */
export interface FixtureCall {
  /** `job`, or the name of a scheduled task. */
  readonly hook: string;
  readonly job: string | null;
  readonly payload: unknown;
}

/** What the fixture's web server answers. */
export interface FixtureResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. */
  readonly body: unknown;
}

export interface FixtureAttachment {
  readonly contentType: string;
  readonly fileName: string;
  readonly contents: string;
}

/** Left out is what the fixture does not look at. */
export type FixtureExpectations = Readonly<Partial<Record<ExpectedPart, unknown>>>;

export const EXPECTED_PARTS = [
  "events",
  "logs",
  "errors",
  "refused",
  "requests",
  "captured",
  "jobs",
  "cache",
  "storage",
  "metrics",
] as const;

export type ExpectedPart = (typeof EXPECTED_PARTS)[number];

export interface Fixture {
  readonly config: JsonObject;
  readonly attachments: Readonly<Record<string, FixtureAttachment>>;
  readonly cache: JsonObject;
  readonly storage: JsonObject;
  /** Lists of answers, in turn, by `METHOD /path`; the last is repeated. Null where there is none. */
  readonly responses: ReadonlyMap<string, readonly FixtureResponse[]> | null;
  readonly events: readonly JsonObject[];
  readonly calls: readonly FixtureCall[];
  /** How long timers of the plugin's are waited for in the end. */
  readonly waitMs: number;
  readonly expect: FixtureExpectations;
}

const KEYS: ReadonlySet<string> = new Set([
  "description",
  "config",
  "attachments",
  "cache",
  "storage",
  "responses",
  "events",
  "calls",
  "waitMs",
  "expect",
]);

const MAX_WAIT_MS = 60_000;

/**
 * Reads a fixture's text.
 * @param name of the file, for messages
 * @throws PaddockError PDK_FIXTURE_INVALID naming file and member
 */
export function parseFixture(text: string, name: string): Fixture {
  const refuse = (reason: string) => new PaddockError("PDK_FIXTURE_INVALID", `${name}: ${reason}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const read = new Members(json, "the fixture", refuse);
  read.only(KEYS);
  const expect = read.object("expect");
  new Members(expect, "'expect'", refuse).only(new Set(EXPECTED_PARTS));
  const { waitMs = 0 } = read.members;
  if (typeof waitMs !== "number" || !(waitMs >= 0 && waitMs <= MAX_WAIT_MS)) {
    throw refuse(`'waitMs' is not a number from 0 to ${MAX_WAIT_MS}`);
  }
  return {
    config: read.object("config"),
    attachments: Object.fromEntries(
      Object.entries(read.object("attachments")).map(([key, value]) => {
        const each = new Members(value, `attachment '${key}'`, refuse);
        return [key, {
          contentType: each.text("content_type", "text/plain"),
          fileName: each.text("file_name", key),
          contents: each.text("contents", ""),
        }];
      }),
    ),
    cache: read.object("cache"),
    storage: read.object("storage"),
    responses: read.members.responses === undefined ? null : new Map(
      Object.entries(read.object("responses")).map(([key, value]) => [
        key,
        (Array.isArray(value) ? value : [value]).map((each) =>
          responseOf(new Members(each, `response '${key}'`, refuse))
        ),
      ]),
    ),
    events: read.list("events").map((event, index) => {
      if (isObject(event)) return event;
      throw refuse(`'events[${index}]' is not an object`);
    }),
    calls: read.list("calls").map((call, index) => callOf(call, index, refuse)),
    waitMs,
    expect,
  };
}

function responseOf(members: Members): FixtureResponse {
  const { status = 200, body = "" } = members.members;
  if (!Number.isInteger(status) || Number(status) < 200 || Number(status) > 599) {
    throw members.refusal("'status' is not a number from 200 to 599");
  }
  const headers = members.object("headers");
  return {
    status: Number(status),
    headers: Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, `${value}`])),
    body,
  };
}

function callOf(
  call: unknown,
  index: number,
  refuse: (reason: string) => PaddockError,
): FixtureCall {
  if (typeof call === "string" && call.startsWith("runEvery")) {
    return { hook: call, job: null, payload: undefined };
  }
  if (isObject(call) && typeof call.job === "string") {
    return { hook: "job", job: call.job, payload: call.payload };
  }
  throw refuse(
    `'calls[${index}]' is neither the name of a scheduled task nor { "job": …, "payload": … }`,
  );
}

/** The members of something that ought to be an object. */
class Members {
  readonly members: JsonObject;
  readonly #what: string;
  readonly #refuse: (reason: string) => PaddockError;

  constructor(value: unknown, what: string, refuse: (reason: string) => PaddockError) {
    if (!isObject(value)) throw refuse(`${what} is not an object`);
    this.members = value;
    this.#what = what;
    this.#refuse = refuse;
  }

  refusal(reason: string): PaddockError {
    return this.#refuse(`${this.#what}: ${reason}`);
  }

  /** A misspelt member would be an expectation that nobody looks at. */
  only(keys: ReadonlySet<string>): void {
    const unknown = Object.keys(this.members).filter((key) => !keys.has(key));
    if (unknown.length > 0) throw this.refusal(`there is no member '${unknown.join("', '")}'`);
  }

  object(key: string): JsonObject {
    const { [key]: value = {} } = this.members;
    if (!isObject(value)) throw this.refusal(`'${key}' is not an object`);
    return value;
  }

  list(key: string): readonly unknown[] {
    const { [key]: value = [] } = this.members;
    if (!Array.isArray(value)) throw this.refusal(`'${key}' is not a list`);
    return value;
  }

  text(key: string, otherwise: string): string {
    const { [key]: value = otherwise } = this.members;
    if (typeof value !== "string") throw this.refusal(`'${key}' is not a text`);
    return value;
  }
}
