/**
 * Celery messages, protocols 1 and 2, as kombu writes them into a Redis list.
 * Facts: the Celery message protocol, and what PostHog's application of late 2021 sends.
 */
import { Buffer } from "node:buffer";
import { errorMessage, PaddockError } from "../../errors.ts";
import { isObject } from "../../events/person_properties.ts";
import { uuidFromText } from "../../events/uuid.ts";
import { keptAsText } from "../kept_as_text.ts";
import type { JsonObject } from "../../events/types.ts";
import type { ReceivedItem } from "../source.ts";

export const EVENT_TASK = "posthog.tasks.process_event.process_event_with_plugins";
export const JOB_TASK = "posthog.tasks.plugins.plugin_job";

/** The positional arguments of each task, for those that send them by name. */
const EVENT_ARGUMENTS = ["distinct_id", "ip", "site_url", "data", "team_id", "now", "sent_at"];
const DATA_PLACE = EVENT_ARGUMENTS.indexOf("data");
const JOB_ARGUMENTS = ["team_id", "plugin_config_id", "type", "job_op", "job_payload"];

interface Task {
  readonly name: unknown;
  readonly id: string | null;
  readonly args: readonly unknown[];
  readonly kwargs: Record<string, unknown>;
  /** JSON text in which the arguments stand. */
  readonly body: string;
}

/** One list item as what it is; what is not understood is an item of kind `bad`, never an error. */
export function parseMessage(text: string): ReceivedItem {
  const bytes = text.length;
  try {
    const task = parseTask(text);
    switch (task.name) {
      case EVENT_TASK:
        return { kind: "event", event: eventOf(task, text), bytes };
      case JOB_TASK:
        return { kind: "job", job: jobOf(task), bytes };
      default:
        throw new PaddockError("PDK_TASK_UNKNOWN", `unknown task ${shown(task.name)}`);
    }
  } catch (error) {
    const code = error instanceof PaddockError ? error.code : "PDK_MESSAGE_MALFORMED";
    return { kind: "bad", code, reason: errorMessage(error), payload: text, bytes };
  }
}

function parseTask(text: string): Task {
  const message = parseJson(text, "the message");
  if (!isObject(message)) throw malformed("the message is not an object");
  expectMember(message, "content-type", "application/json");
  expectMember(message, "content-encoding", "utf-8");
  const properties = isObject(message.properties) ? message.properties : {};
  expectMember(properties, "body_encoding", "base64");
  if (typeof message.body !== "string") throw malformed("'body' is not a text");
  const body = Buffer.from(message.body, "base64").toString();
  const content = parseJson(body, "the body");
  const headers = isObject(message.headers) ? message.headers : {};
  if (headers.task !== undefined) {
    if (!Array.isArray(content)) throw malformed("the body of a protocol 2 message is not a list");
    return taskOf(headers.task, headers.id, content, body);
  }
  if (!isObject(content)) throw malformed("the body of a protocol 1 message is not an object");
  return taskOf(content.task, content.id, content, body);
}

function taskOf(name: unknown, id: unknown, content: object, body: string): Task {
  return {
    name,
    id: typeof id === "string" && id !== "" ? id : null,
    ...givenIn(content),
    body,
  };
}

/** By place, by name: in a list of protocol 2, or in an object of protocol 1. */
function givenIn(content: unknown): Pick<Task, "args" | "kwargs"> {
  const [args, kwargs] = Array.isArray(content)
    ? content
    : isObject(content)
    ? [content.args, content.kwargs]
    : [];
  return { args: Array.isArray(args) ? args : [], kwargs: isObject(kwargs) ? kwargs : {} };
}

function eventOf(task: Task, text: string): Extract<ReceivedItem, { kind: "event" }>["event"] {
  const [distinctId, ip, siteUrl, data, teamId, now, sentAt] = argumentsOf(task, EVENT_ARGUMENTS);
  if (!isObject(data)) throw malformed("the event's 'data' is not an object");
  if (typeof teamId !== "number") throw malformed("'team_id' is not a number");
  const { body } = task;
  const event = {
    teamId,
    distinctId,
    ip: textOrNull(ip),
    siteUrl: textOrNull(siteUrl),
    now: textOrNull(now) ?? new Date().toISOString(),
    sentAt: textOrNull(sentAt),
    // Redelivered, the message has the same id: the event is recognised as the one it is.
    uuid: uuidFromText(task.id === null ? `celery message ${text}` : `celery task ${task.id}`),
  };
  return keptAsText(
    event,
    data,
    () => argumentsOf(givenIn(JSON.parse(body)), EVENT_ARGUMENTS)[DATA_PLACE] as JsonObject,
  );
}

function jobOf(task: Task): Extract<ReceivedItem, { kind: "job" }>["job"] {
  const [teamId, pluginConfigId, type, operation, payload] = argumentsOf(task, JOB_ARGUMENTS);
  if (typeof teamId !== "number" || typeof pluginConfigId !== "number") {
    throw malformed("a plugin job needs a team id and a plugin config id");
  }
  if (typeof type !== "string") throw malformed("a plugin job needs a type");
  return {
    teamId,
    pluginConfigId,
    type,
    operation: textOrNull(operation) ?? "",
    payload: isObject(payload) ? payload : {},
  };
}

function argumentsOf(
  task: Pick<Task, "args" | "kwargs">,
  names: readonly string[],
): unknown[] {
  return names.map((name, index) => task.args[index] ?? task.kwargs[name]);
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function expectMember(object: Record<string, unknown>, name: string, expected: string): void {
  if (object[name] !== expected) {
    throw malformed(`'${name}' is ${shown(object[name])} instead of '${expected}'`);
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`${what} is not JSON: ${errorMessage(error).slice(0, 200)}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 100);
}

function malformed(reason: string): PaddockError {
  return new PaddockError("PDK_MESSAGE_MALFORMED", reason);
}
