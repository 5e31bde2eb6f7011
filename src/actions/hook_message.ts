/**
 * What a team's webhook is told of a matched action: a message for Slack, Discord or Teams, in the
 * forms of PostHog's plugin server 1.10. Tokens such as `[event.name]` stand for values of the event.
 */
import { isObject } from "../events/person_properties.ts";
import type { JsonObject, PluginEvent } from "../events/types.ts";

/** A person as hooks are told of it: the row of `posthog_person` and the event's distinct id. */
export interface HookPerson extends JsonObject {
  readonly properties: Readonly<JsonObject>;
}

/** The action, as far as a message needs it. */
export interface MessageAction {
  readonly id: number;
  readonly name: string | null;
  readonly slackMessageFormat: string;
}

/** What a message is about. */
export interface MessageSubject {
  readonly action: MessageAction;
  readonly event: PluginEvent;
  readonly person: HookPerson | null;
  /** Where links lead: the address of PostHog's application; null for none. */
  readonly siteUrl: string | null;
}

type Kind = "slack" | "discord" | "teams";

/** A value in both of its forms. */
interface Words {
  readonly plain: string;
  readonly markdown: string;
}

const DEFAULT_FORMAT = "[action.name] was triggered by [user.name]";
const TOKEN = /\[(.*?)\]/g;
const NOTHING: Words = { plain: "", markdown: "" };

/** The request's body: JSON for the kind of service that the webhook's address is of. */
export function webhookBody(webhook: string, subject: MessageSubject): string {
  const kind = kindOf(webhook);
  const { plain, markdown } = message(kind, subject);
  const body = kind === "slack"
    ? { text: plain, blocks: [{ type: "section", text: { type: "mrkdwn", text: markdown } }] }
    : { text: markdown };
  return JSON.stringify(body, undefined, 4);
}

function kindOf(webhook: string): Kind {
  const address = webhook.toLowerCase();
  if (address.includes("slack.com")) return "slack";
  return address.includes("discord.com") ? "discord" : "teams";
}

function message(kind: Kind, subject: MessageSubject): Words {
  const format = subject.action.slackMessageFormat || DEFAULT_FORMAT;
  let isBroken = false;
  const fill = (form: keyof Words) =>
    format.replace(TOKEN, (_, token: string) => {
      const words = wordsOf(kind, token.match(/\w+/g) ?? [], subject);
      isBroken ||= words === null;
      return words?.[form] ?? "";
    });
  const filled = { plain: fill("plain"), markdown: fill("markdown") };
  if (!isBroken) return filled;
  const { plain, markdown } = actionName(kind, subject);
  const error = (name: string) =>
    `⚠ Error: There are one or more formatting errors in the message template for action "${name}".`;
  return { plain: error(plain), markdown: `*${error(markdown)}*` };
}

/** What a token stands for; null for one that means nothing. */
function wordsOf(kind: Kind, parts: readonly string[], subject: MessageSubject): Words | null {
  const [what, which = "", key = ""] = parts;
  const properties = subject.event.properties ?? {};
  switch (what) {
    case "user":
      return which === "name" ? userName(kind, subject) : value(kind, properties, `$${which}`);
    case "action":
      return which === "name" ? actionName(kind, subject) : NOTHING;
    case "event":
      if (which === "name") return same(escaped(kind, subject.event.event));
      return which === "properties" ? value(kind, properties, key) : NOTHING;
    default:
      return null;
  }
}

function userName(kind: Kind, { event, person, siteUrl }: MessageSubject): Words {
  if (person === null) return same("undefined");
  const { email } = person.properties;
  const name = email ? textOf(email) : event.distinct_id;
  return link(kind, name, siteUrl, `person/${encodeURIComponent(event.distinct_id)}`);
}

function actionName(kind: Kind, { action, siteUrl }: MessageSubject): Words {
  return link(kind, action.name ?? "", siteUrl, `action/${action.id}`);
}

function value(kind: Kind, properties: JsonObject, key: string): Words {
  return same(escaped(kind, textOf(Object.hasOwn(properties, key) ? properties[key] : undefined)));
}

function textOf(found: unknown): string {
  return typeof found === "string" ? found : JSON.stringify(found) ?? "undefined";
}

/** A visitor's values must not become commands to the chat, such as Slack's `<!channel>`. */
function escaped(kind: Kind, text: string): string {
  return kind === "slack"
    ? text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    : text;
}

function link(kind: Kind, name: string, siteUrl: string | null, path: string): Words {
  const plain = escaped(kind, name);
  if (siteUrl === null) return same(plain);
  const address = `${siteUrl.replace(/\/+$/, "")}/${path}`;
  return {
    plain,
    markdown: kind === "slack"
      ? `<${address}|${plain}>`
      : `[${plain.replace(/[[\]]/g, "\\$&")}](${address})`,
  };
}

function same(text: string): Words {
  return { plain: text, markdown: text };
}

/** What a REST hook is told: which hook it is, and the event with its person. */
export function restHookBody(
  hook: { readonly id: string; readonly event: string; readonly target: string },
  event: PluginEvent,
  person: HookPerson | null,
): string {
  const data = isObject(person) ? { ...event, person } : event;
  return JSON.stringify({ hook, data }, undefined, 4);
}
