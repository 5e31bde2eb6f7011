/**
 * Events and what goes with them, case by case, under the names that these cases have in the tests of
 * PostHog's plugin server 1.10.
 */
import assert from "node:assert/strict";
import { createTestDatabase } from "../services/database.ts";
import { createProjects, type TestProject } from "../services/project.ts";

type Case = (project: TestProject) => Promise<void>;
type Values = Record<string, unknown>;

const NOW = "2021-10-28T12:00:00.000Z";
const hours = (count: number) => new Date(Date.parse(NOW) + count * 3_600_000).toISOString();

/** The stored moment of an event. */
async function timestamp(project: TestProject, data: Values, sentAt: string | null, now = NOW) {
  await project.send("e", "id", {}, { data, raw: { sentAt, now } });
  return ((await project.events()).at(-1)?.timestamp as Date).toISOString();
}

async function definitions(project: TestProject): Promise<string[]> {
  const rows = await project.rows(
    "SELECT name, is_numerical FROM posthog_propertydefinition WHERE team_id = $1 ORDER BY id",
  );
  return rows.map((row) => `${row.name}${row.is_numerical ? " (number)" : ""}`);
}

const CASES: Readonly<Record<string, Case>> = {
  "capture new person": async (project) => {
    const properties = (medium: string, browser: string) => ({
      distinct_id: 2,
      token: "t",
      $browser: browser,
      $browser_version: false,
      $os: "O",
      $current_url: "https://u",
      utm_medium: medium,
      gclid: "G",
      other: null,
      $elements: [
        { tag_name: "a", nth_child: 1, nth_of_type: 2, attr__class: "btn btn-sm" },
        { tag_name: "div", nth_child: 1, nth_of_type: 2, $el_text: "💻" },
      ],
    });
    const visit = (medium: string, browser: string) =>
      project.send("$autocapture", "2", properties(medium, browser), { raw: { ip: "1.2.3.4" } });
    await visit("news", "B");
    const initial = {
      $initial_browser: "B",
      $initial_browser_version: false,
      $initial_os: "O",
      $initial_current_url: "https://u",
      $initial_utm_medium: "news",
      $initial_gclid: "G",
    };
    assert.deepEqual(await project.people(), [{
      ids: ["2"],
      properties: { ...initial, utm_medium: "news", gclid: "G" },
      known: false,
    }]);
    const [event] = await project.events();
    const { $elements: _, ...sent } = properties("news", "B");
    assert.deepEqual(event?.properties, {
      ...sent,
      $ip: "1.2.3.4",
      $set: { utm_medium: "news", gclid: "G" },
      $set_once: initial,
    });
    assert.deepEqual(await definitions(project), [
      "distinct_id (number)",
      "token",
      "$browser",
      "$browser_version",
      "$os",
      "$current_url",
      "utm_medium",
      "gclid",
      "other",
      "$ip",
    ]);
    const elements = await project.rows(
      `SELECT "order", tag_name, attr_class, text, hash FROM posthog_element
       JOIN posthog_elementgroup AS "group" ON "group".id = group_id WHERE team_id = $1
       ORDER BY "order"`,
    );
    assert.deepEqual(elements, [
      {
        order: 0,
        tag_name: "a",
        attr_class: ["btn", "btn-sm"],
        text: null,
        hash: event?.elements_hash,
      },
      { order: 1, tag_name: "div", attr_class: null, text: "💻", hash: event?.elements_hash },
    ]);
    assert.equal((event?.elements as unknown[]).length, 2);
    // The second visit: the person keeps what was first seen, the event says what it saw.
    await visit("mail", "Other");
    assert.deepEqual((await project.people()).map((person) => person.properties), [
      { ...initial, utm_medium: "mail", gclid: "G" },
    ]);
    const second = (await project.events())[1]?.properties as { $set_once: Values };
    assert.deepEqual(second.$set_once, {
      ...initial,
      $initial_browser: "Other",
      $initial_utm_medium: "mail",
    });
    const named = await project.rows("SELECT name FROM posthog_eventdefinition WHERE team_id = $1");
    assert.deepEqual(named, [{ name: "$autocapture" }]);
  },
  "initial current domain regression test": async (project) => {
    await project.send("$pageview", "2", { $current_url: "https://u" });
    assert.deepEqual((await project.people())[0]?.properties, {
      $initial_current_url: "https://u",
    });
  },
  "capture sent_at": async (project) => {
    assert.equal(
      await timestamp(project, { timestamp: hours(26) }, hours(26 + 1 / 6)),
      hours(-1 / 6),
    );
  },
  "capture sent_at no timezones": async (project) => {
    const naive = (moment: string) => moment.replace("Z", "");
    assert.equal(
      await timestamp(project, { timestamp: naive(hours(26)) }, naive(hours(26 + 1 / 6))),
      hours(-1 / 6),
    );
    assert.equal(
      await timestamp(
        project,
        { timestamp: "2021-10-29T16:00:00+02:00" },
        "2021-10-29T16:10:00+02:00",
      ),
      hours(-1 / 6),
    );
  },
  "capture no sent_at": async (project) => {
    assert.equal(await timestamp(project, { timestamp: hours(24) }, null), hours(24));
  },
  "offset timestamp": async (project) => {
    const now = "2021-10-28T12:00:05.200Z";
    const expected = "2021-10-28T12:00:05.050Z";
    assert.equal(await timestamp(project, { offset: 150 }, hours(30), now), expected);
    assert.equal(await timestamp(project, { offset: "150" }, null, now), expected);
  },
  "offset timestamp no sent_at": async (project) => {
    const now = "2021-10-28T12:00:05.200Z";
    assert.equal(await timestamp(project, { offset: 150 }, null, now), "2021-10-28T12:00:05.050Z");
    assert.equal(await timestamp(project, { offset: "soon" }, null, now), now);
    assert.equal(await timestamp(project, { timestamp: "yesterday" }, null, now), now);
  },
  "ip none": async (project) => {
    await project.send("e", "id", { a: 1 }, { raw: { ip: null } });
    assert.deepEqual((await project.events())[0]?.properties, { a: 1 });
  },
  "ip capture": async (project) => {
    await project.send("e", "id", {}, { raw: { ip: "11.12.13.14" } });
    assert.deepEqual((await project.events())[0]?.properties, { $ip: "11.12.13.14" });
  },
  "ip override": async (project) => {
    await project.send("e", "id", { $ip: "1.0.0.1" }, { raw: { ip: "11.12.13.14" } });
    assert.deepEqual((await project.events())[0]?.properties, { $ip: "1.0.0.1" });
  },
  "anonymized ip capture": async (project) => {
    await project.rows("UPDATE posthog_team SET anonymize_ips = true WHERE id = $1");
    await project.send("e", "id", {}, { raw: { ip: "11.12.13.14" } });
    assert.deepEqual((await project.events())[0]?.properties, {});
  },
  "long htext": async (project) => {
    const attributes = { $el_text: "a".repeat(2050), attr__href: "a".repeat(2050) };
    await project.send("$autocapture", "id", { $elements: [{ tag_name: "a", ...attributes }] });
    const [element] = (await project.events())[0]?.elements as Values[];
    assert.equal((element?.text as string).length, 400);
    assert.equal((element?.href as string).length, 2048);
    assert.equal(((element?.attributes as Values).attr__href as string).length, 2050);
  },
  "capture no element": async (project) => {
    await project.send("$pageview", "id");
    const [event] = await project.events();
    assert.deepEqual([event?.elements, event?.elements_hash], [[], ""]);
  },
  "capture first team event": async (project) => {
    const flag = async () =>
      (await project.rows("SELECT ingested_event FROM posthog_team WHERE id = $1"))[0];
    assert.deepEqual(await flag(), { ingested_event: false });
    await project.send("$autocapture", "id", { $elements: [{ tag_name: "a" }] });
    assert.deepEqual(await flag(), { ingested_event: true });
  },
  "snapshot event stored as session_recording_event": async (project) => {
    await project.send("$snapshot", "some-id", {
      $session_id: "abcf-efg",
      $snapshot_data: { timestamp: 123 },
    }, { data: { timestamp: hours(-1) } });
    assert.deepEqual(await project.events(), []);
    const rows = await project.rows(
      `SELECT session_id, distinct_id, snapshot_data, timestamp, created_at
       FROM posthog_sessionrecordingevent WHERE team_id = $1`,
    );
    assert.deepEqual(rows, [{
      session_id: "abcf-efg",
      distinct_id: "some-id",
      snapshot_data: { timestamp: 123 },
      timestamp: new Date(hours(-1)),
      created_at: new Date(hours(-1)),
    }]);
    assert.deepEqual(await definitions(project), []);
  },
  "$snapshot event creates new person if needed": async (project) => {
    const data = { $session_id: "s", $snapshot_data: "a text", $set: { nobody: 1 } };
    for (let times = 0; times < 2; times++) await project.send("$snapshot", "some_new_id", data);
    assert.deepEqual(await project.people(), [
      { ids: ["some_new_id"], properties: {}, known: false },
    ]);
  },
  "team event_properties": async (project) => {
    await project.send("purchase", "id", { price: 2.5, name: "x" }, { raw: { ip: "1.2.3.4" } });
    assert.deepEqual(await definitions(project), ["price (number)", "name", "$ip"]);
  },
  "event name object json": async (project) => {
    await project.send({ event: "name" }, "id");
    assert.equal((await project.events())[0]?.event, '{"event":"name"}');
  },
  "event name array json": async (project) => {
    await project.send(["event", "name"], "id");
    assert.equal((await project.events())[0]?.event, '["event","name"]');
  },
  "event name of other kinds": async (project) => {
    for (const name of [5, null, true]) await project.send(name, "id");
    assert.deepEqual((await project.events()).map(({ event }) => event), ["5", "null", "true"]);
  },
  "long event name substr": async (project) => {
    await project.send("E".repeat(300), "id");
    assert.equal((await project.events())[0]?.event, "E".repeat(200));
    const named = await project.rows("SELECT name FROM posthog_eventdefinition WHERE team_id = $1");
    assert.deepEqual(named, [{ name: "E".repeat(200) }]);
  },
  "groupidentify": async (project) => {
    await project.send("$groupidentify", "id", {
      $group_type: "organization",
      $group_key: "org::5",
      $group_set: { foo: "bar" },
    });
    const groups = await project.rows(
      "SELECT group_key, group_type_index, group_properties FROM posthog_group WHERE team_id = $1",
    );
    assert.deepEqual(groups, [
      { group_key: "org::5", group_type_index: 0, group_properties: { foo: "bar" } },
    ]);
    assert.equal((await project.events())[0]?.event, "$groupidentify");
  },
  "site_url is stored nowhere, properties keep their values": async (project) => {
    const properties = { big: 2 ** 60, small: 1e-9, deep: { a: [null, true, "ü", {}] }, "": "" };
    await project.send("e", "id", properties, { raw: { siteUrl: "https://site" } });
    const [event] = await project.events();
    assert.deepEqual([event?.site_url, event?.properties], [null, properties]);
  },
};

Deno.test("events, case by case", async (t) => {
  await using test = await createTestDatabase();
  const { database } = test;
  const { pipeline, create } = await createProjects(database);
  for (const [name, run] of Object.entries(CASES)) {
    const project = await create();
    await t.step(name, () => run(project));
  }
  assert.deepEqual(await database.query("SELECT reason FROM paddock.dead_letter"), []);
  await t.step("element group", async () => {
    const [one, other] = [await create(), await create()];
    const click = (project: TestProject, extra: Values) =>
      project.send("$autocapture", "id", {
        $elements: [{ tag_name: "button", $el_text: "Sign up!" }, { tag_name: "div", ...extra }],
      });
    const count = async () => {
      const rows = await database.query<{ count: number }>(
        `SELECT count(*)::int FROM posthog_element JOIN posthog_elementgroup AS "group"
           ON "group".id = group_id WHERE team_id = ANY ($1)`,
        [[one.teamId, other.teamId]],
      );
      return rows[0]?.count;
    };
    await click(one, {});
    assert.equal(await count(), 2);
    await click(one, { unknown: 1 });
    assert.equal(await count(), 2);
    await click(other, {});
    assert.equal(await count(), 4);
  });
  await t.step("capture bad team, throws with bad uuid", async () => {
    const project = await create();
    await project.send("e", "id", {}, { raw: { teamId: 1337_000 } });
    for (const uuid of ["i_am_not_a_uuid", 5]) {
      await project.send("e", "id", {}, { data: { uuid } });
    }
    const letters = await database.query<{ reason: string }>(
      "SELECT reason FROM paddock.dead_letter ORDER BY id",
    );
    assert.deepEqual(letters.map(({ reason }) => reason), [
      "there is no team 1337000",
      'Not a valid UUID: "i_am_not_a_uuid"',
      'Not a valid UUID: "5"',
    ]);
    assert.deepEqual(await project.events(), []);
  });
  await pipeline.drain(5_000, new AbortController().signal);
});
