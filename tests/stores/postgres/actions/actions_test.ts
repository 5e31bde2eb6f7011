import assert from "node:assert/strict";
import {
  ActionCatalog,
  DROP_ACTION,
  RELOAD_ACTION,
} from "../../../../src/actions/action_catalog.ts";
import { Actions } from "../../../../src/stores/postgres/actions.ts";
import { createAction } from "../../../services/actions.ts";
import { createTestDatabase } from "../../../services/database.ts";
import { createPipeline, feed, item, prepareDatabase } from "../../../services/pipeline.ts";
import { matchedRows, watchingActions } from "../../../services/watching_actions.ts";

Deno.test("actions are kept in step with their rows", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const id = await createAction(database, teamId, {
    steps: [
      { event: "one", properties: [{ type: "event", key: "a", value: 1 }] },
      { selector: "a", url: "u", urlMatching: "regex", tagName: "t", text: "x", href: "h" },
    ],
  });
  const catalog = new ActionCatalog(new Actions(database));
  assert.equal(catalog.isWatched(teamId), false);
  await catalog.load();
  assert.deepEqual(catalog.ofTeam(teamId), [{
    id,
    teamId,
    name: "Test action",
    postToSlack: false,
    slackMessageFormat: "",
    steps: [
      {
        tagName: null,
        text: null,
        href: null,
        selector: null,
        url: null,
        urlMatching: null,
        event: "one",
        properties: [{ type: "event", key: "a", value: 1 }],
      },
      {
        tagName: "t",
        text: "x",
        href: "h",
        selector: "a",
        url: "u",
        urlMatching: "regex",
        event: null,
        properties: null,
      },
    ],
  }]);
  const tell = (channel: string, actionId: unknown, team: unknown = teamId) =>
    catalog.obey(channel, JSON.stringify({ teamId: team, actionId }));
  const names = () =>
    catalog.ofTeam(teamId).map((action) => `${action.name} ${action.steps.length}`);

  // A new one, a changed one; the row says whose it is, whatever the message says.
  const second = await createAction(database, teamId, { name: "Second", steps: [] });
  await database.query("UPDATE posthog_action SET name = 'Changed' WHERE id = $1", [id]);
  await database.query("DELETE FROM posthog_actionstep WHERE selector = 'a'");
  await tell(RELOAD_ACTION, second, teamId + 1);
  await tell(RELOAD_ACTION, id);
  assert.deepEqual(names(), ["Changed 1", "Second 0"]);
  assert.equal(catalog.isWatched(teamId + 1), false);
  // Dropped, as one is that is deleted, or not there.
  await tell(DROP_ACTION, second);
  assert.deepEqual(names(), ["Changed 1"]);
  await tell(DROP_ACTION, 12345);
  await tell(RELOAD_ACTION, 12345);
  await database.query("UPDATE posthog_action SET deleted = true WHERE id = $1", [id]);
  await tell(RELOAD_ACTION, id);
  assert.equal(catalog.isWatched(teamId), false);
  // What is no message costs nothing, an empty one means that some were missed.
  for (const nonsense of ["{", "null", "[]", '{"actionId":"x"}', '{"actionId":1e99}']) {
    await catalog.obey(RELOAD_ACTION, nonsense);
  }
  await tell(RELOAD_ACTION, null);
  assert.equal(catalog.isWatched(teamId), false);
  await catalog.obey(DROP_ACTION, "");
  assert.deepEqual(names(), ["Second 0"]);
  // Where they cannot be read, those that are known stay.
  await database.query("ALTER TABLE posthog_action RENAME TO away");
  await catalog.obey(RELOAD_ACTION, "");
  await tell(RELOAD_ACTION, second);
  assert.deepEqual(names(), ["Second 0"]);
  await assert.rejects(catalog.load());
});

Deno.test("events that match an action get rows, with the person as the event left it", async () => {
  await using test = await createTestDatabase();
  const { database } = test;
  const teamId = await prepareDatabase(database);
  const cohort = (await database.query<{ id: number }>(
    `INSERT INTO posthog_cohort (
       team_id, deleted, groups, is_calculating, errors_calculating, is_static
     ) VALUES ($1, false, '[]', false, 0, true) RETURNING id`,
    [teamId],
  ))[0]?.id;
  const property = (type: string, key: string, value: unknown, operator?: string) => ({
    properties: [{ type, key, value, operator }],
  });
  const define = (name: string, ...steps: Parameters<typeof createAction>[2]["steps"]) =>
    createAction(database, teamId, { name, steps });
  await define("foo is bar", property("event", "foo", "bar"));
  await define("paying", property("person", "plan", "paid"));
  await define("members", property("cohort", "id", cohort));
  await define("whole name", { event: "n".repeat(250) });
  await define("address", property("event", "$ip", "1.2.3.4"));
  await define("clicked", { selector: "form > button.cta", text: "Buy" });
  await define("campaign", property("event", "$set", "", "is_set"));
  await define("grouped", property("event", "$group_0", "", "is_set"));
  const deleted = await define("deleted", { event: "one" });
  await database.query("UPDATE posthog_action SET deleted = true WHERE id = $1", [deleted]);
  const before = createPipeline(database);
  await feed(before, [item(teamId, { event: "earlier", distinct_id: "member" })]);
  await database.query(
    "INSERT INTO posthog_cohortpeople (cohort_id, person_id) SELECT $1, id FROM posthog_person",
    [cohort],
  );
  const pipeline = await watchingActions(database);
  await feed(pipeline, [
    item(teamId, { event: "one", properties: { foo: "bar" } }),
    item(teamId, { event: "two", distinct_id: "p", $set: { plan: "free" } }),
    item(teamId, { event: "three", distinct_id: "p", properties: { $set: { plan: "paid" } } }),
    item(teamId, { event: "four", distinct_id: "p", $set: { plan: "over" } }),
    item(teamId, { event: "five", distinct_id: "member" }),
    // A new person takes the member's place: its memberships move with it.
    item(teamId, {
      event: "$identify",
      distinct_id: "m",
      properties: { $anon_distinct_id: "member" },
    }),
    item(teamId, { event: "n".repeat(250) }),
    item(teamId, { event: "six" }, { ip: "1.2.3.4" }),
    item(teamId, {
      event: "seven",
      properties: {
        $elements: [
          { tag_name: "button", $el_text: "Buy", attr__class: "big cta" },
          { tag_name: "form" },
        ],
      },
    }),
    item(teamId, { event: "eight", properties: { utm_source: "x", $groups: { company: "c" } } }),
    item(teamId, {
      event: "$snapshot",
      properties: { $session_id: "s", $snapshot_data: {}, foo: "bar" },
    }),
    item(teamId, { event: "foo", properties: { foo: "baz" } }),
  ]);
  assert.deepEqual(await matchedRows(database), [
    "one: foo is bar",
    "two: campaign",
    "three: paying",
    "three: campaign",
    "four: campaign",
    "five: members",
    "$identify: members",
    `${"n".repeat(200)}: whole name`,
    "six: address",
    "seven: clicked",
  ]);
  const again = await watchingActions(database);
  const repeated = item(teamId, { event: "nine", properties: { foo: "bar" } });
  await feed(again, [repeated, repeated]);
  await feed(again, [repeated]);
  assert.equal((await matchedRows(database)).filter((row) => row === "nine: foo is bar").length, 1);
  // An action whose row is gone costs no event.
  await database.query("DELETE FROM posthog_action_events");
  await database.query("DELETE FROM posthog_actionstep");
  await database.query("DELETE FROM posthog_action");
  await feed(again, [item(teamId, { event: "ten", properties: { foo: "bar" } })]);
  const stored = await database.query<{ event: string }>(
    "SELECT event FROM posthog_event WHERE event = 'ten'",
  );
  assert.equal(stored.length, 1);
  assert.deepEqual(await database.query("SELECT FROM paddock.dead_letter"), []);
  const hurry = new AbortController().signal;
  for (const each of [before, pipeline, again]) await each.drain(5_000, hurry);
});
