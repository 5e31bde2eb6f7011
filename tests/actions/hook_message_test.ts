import assert from "node:assert/strict";
import {
  type HookPerson,
  type MessageAction,
  restHookBody,
  webhookBody,
} from "../../src/actions/hook_message.ts";
import type { PluginEvent } from "../../src/events/types.ts";

const SLACK = "https://hooks.slack.com/services/1";
const DISCORD = "https://Discord.com/api/webhooks/1";
const TEAMS = "https://outlook.office.com/webhook/1";
const SITE = "http://localhost:8000";

const event: PluginEvent = {
  uuid: "0174876e-8000-0000-0000-000000000000",
  event: "clicked",
  distinct_id: "2",
  team_id: 2,
  ip: null,
  site_url: SITE,
  now: "2021-10-28T12:00:00Z",
  sent_at: null,
  properties: { $browser: "Chrome", page: "http://x/", list: [1, "a"], empty: "", $screen: 5 },
};

const nobody: HookPerson = { properties: {} };
const somebody: HookPerson = { properties: { email: "test@example.com" } };

interface Said {
  readonly plain: string | null;
  readonly markdown: string;
}

function said(
  webhook: string,
  format: string,
  person: HookPerson | null = nobody,
  siteUrl: string | null = SITE,
  over: Partial<MessageAction> = {},
): Said {
  const action = { id: 1, name: "action1", slackMessageFormat: format, ...over };
  const text = webhookBody(webhook, { action, event, person, siteUrl });
  assert.match(text, /^\{\n {4}"text"/);
  const body = JSON.parse(text);
  if (webhook !== SLACK) {
    assert.deepEqual(Object.keys(body), ["text"]);
    return { plain: null, markdown: body.text };
  }
  assert.equal(body.blocks.length, 1);
  assert.equal(body.blocks[0].type, "section");
  assert.equal(body.blocks[0].text.type, "mrkdwn");
  return { plain: body.text, markdown: body.blocks[0].text.text };
}

Deno.test("the kind of message is told from the address", () => {
  assert.deepEqual(said(SLACK, "x"), { plain: "x", markdown: "x" });
  assert.deepEqual(said(DISCORD, "x"), { plain: null, markdown: "x" });
  assert.deepEqual(said(TEAMS, "x"), { plain: null, markdown: "x" });
});

Deno.test("the user: an email, or else the distinct id, as a link", () => {
  assert.deepEqual(said(SLACK, "[user.name]"), {
    plain: "2",
    markdown: `<${SITE}/person/2|2>`,
  });
  assert.deepEqual(said(SLACK, "[user.name]", somebody), {
    plain: "test@example.com",
    markdown: `<${SITE}/person/2|test@example.com>`,
  });
  assert.equal(
    said(TEAMS, "[user.name]", somebody).markdown,
    `[test@example.com](${SITE}/person/2)`,
  );
  assert.equal(said(DISCORD, "[user.name]", null).markdown, "undefined");
});

Deno.test("the action, as a link", () => {
  assert.deepEqual(said(SLACK, "[action.name]"), {
    plain: "action1",
    markdown: `<${SITE}/action/1|action1>`,
  });
  assert.equal(said(TEAMS, "[action.name]").markdown, `[action1](${SITE}/action/1)`);
});

Deno.test("values of the event, of both kinds, and what is missing", () => {
  const format =
    "[user.name] from [user.browser] on [event.properties.page] did [event.name]: [event.properties.list]";
  assert.equal(
    said(SLACK, format).plain,
    '2 from Chrome on http://x/ did clicked: [1,"a"]',
  );
  assert.equal(
    said(TEAMS, format).markdown,
    `[2](${SITE}/person/2) from Chrome on http://x/ did clicked: [1,"a"]`,
  );
  assert.equal(
    said(TEAMS, "[user.nothing] [event.properties.nothing]").markdown,
    "undefined undefined",
  );
  assert.equal(said(TEAMS, "a[action.id]b[event.id]c").markdown, "abc");
  // Only runs of word characters count, so that a name with a dollar cannot be reached.
  assert.equal(said(TEAMS, "[event.properties.$screen]").markdown, "undefined");
  assert.equal(said(TEAMS, "[ user - screen ]").markdown, "5");
  assert.equal(
    said(TEAMS, "[user.constructor] [event.properties.toString]").markdown,
    "undefined undefined",
  );
});

Deno.test("the template's own text is taken literally", () => {
  assert.equal(
    said(TEAMS, "%d %s 100% $& $1 [event.name] %%").markdown,
    "%d %s 100% $& $1 clicked %%",
  );
});

Deno.test("without a template it is the usual sentence", () => {
  assert.equal(
    said(TEAMS, "").markdown,
    `[action1](${SITE}/action/1) was triggered by [2](${SITE}/person/2)`,
  );
});

Deno.test("a token that means nothing makes an error of the whole", () => {
  const error = (name: string) =>
    "⚠ Error: There are one or more formatting errors in the message template for action " +
    `"${name}".`;
  for (const format of ["[broken]", "[event.name] [] x", "[bobby.tables]"]) {
    assert.deepEqual(said(SLACK, format), {
      plain: error("action1"),
      markdown: `*${error(`<${SITE}/action/1|action1>`)}*`,
    });
    assert.equal(said(DISCORD, format).markdown, `*${error(`[action1](${SITE}/action/1)`)}*`);
  }
});

Deno.test("what visitors send is no command to the chat, and links need an address", () => {
  const evil: PluginEvent = { ...event, distinct_id: "<!channel> a/b?c", event: "<http://x|y>" };
  const action = {
    id: 1,
    name: "a]b",
    slackMessageFormat: "[user.name] [event.name] [action.name]",
  };
  const subject = { action, event: evil, person: nobody, siteUrl: `${SITE}/` };
  const slack = JSON.parse(webhookBody(SLACK, subject));
  assert.equal(slack.text, "&lt;!channel&gt; a/b?c &lt;http://x|y&gt; a]b");
  assert.equal(
    slack.blocks[0].text.text,
    `<${SITE}/person/%3C!channel%3E%20a%2Fb%3Fc|&lt;!channel&gt; a/b?c> ` +
      `&lt;http://x|y&gt; <${SITE}/action/1|a]b>`,
  );
  assert.match(JSON.parse(webhookBody(TEAMS, subject)).text, /\[a\\\]b\]\(http/);
  assert.equal(said(TEAMS, "[user.name] [action.name]", nobody, null).markdown, "2 action1");
});

Deno.test("a REST hook is told of itself, the event and its person", () => {
  const hook = { id: "h", event: "action_performed", target: "https://x/y" };
  const text = restHookBody(hook, event, somebody);
  assert.match(text, /^\{\n {4}"hook"/);
  assert.deepEqual(JSON.parse(text), { hook, data: { ...event, person: somebody } });
  assert.deepEqual(JSON.parse(restHookBody(hook, event, null)), { hook, data: event });
});
