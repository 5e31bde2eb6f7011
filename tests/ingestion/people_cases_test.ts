/**
 * People, case by case, under the names that these cases have in the tests of PostHog's plugin server
 * 1.10. Each event is stored before the next is sent.
 */
import assert from "node:assert/strict";
import { createTestDatabase } from "../services/database.ts";
import { createPipeline } from "../services/pipeline.ts";
import { createProjects, type StoredPerson, type TestProject } from "../services/project.ts";

type Case = (project: TestProject) => Promise<void>;

const ids = (people: readonly StoredPerson[]) => people.map((person) => person.ids);
const known = (people: readonly StoredPerson[]) => people.map((person) => person.known);

/** Makes a person with one distinct id. */
const person = (project: TestProject, id: string, properties?: Record<string, unknown>) =>
  project.send("start", id, properties === undefined ? {} : { $set: properties });
const alias = (project: TestProject, id: string, other: unknown) =>
  project.send("$create_alias", id, { alias: other });
const identify = (project: TestProject, id: string, anonymous: string, set = {}) =>
  project.send("$identify", id, { $anon_distinct_id: anonymous, $set: set });

const CASES: Readonly<Record<string, Case>> = {
  "alias": async (project) => {
    await person(project, "old");
    await alias(project, "new", "old");
    assert.deepEqual(ids(await project.people()), [["old", "new"]]);
    assert.equal((await project.events()).length, 2);
  },
  "alias reverse": async (project) => {
    await person(project, "old");
    await alias(project, "old", "new");
    assert.deepEqual(ids(await project.people()), [["old", "new"]]);
  },
  "alias twice": async (project) => {
    await person(project, "old");
    await alias(project, "new", "old");
    await person(project, "old2");
    await alias(project, "new", "old2");
    assert.deepEqual(ids(await project.people()), [["old", "new", "old2"]]);
  },
  "alias before person": async (project) => {
    await alias(project, "new", "old");
    assert.deepEqual(ids(await project.people()), [["new", "old"]]);
  },
  "alias both existing": async (project) => {
    await person(project, "old");
    await person(project, "new");
    await alias(project, "new", "old");
    assert.deepEqual(ids(await project.people()), [["old", "new"]]);
  },
  "alias merge properties": async (project) => {
    await person(project, "old", { key: "old", a: 1 });
    await person(project, "new", { key: "new", b: 2 });
    await alias(project, "new", "old");
    assert.deepEqual(await project.people(), [
      { ids: ["old", "new"], properties: { key: "new", a: 1, b: 2 }, known: false },
    ]);
  },
  "alias to what is no id": async (project) => {
    for (const other of [undefined, null, "", { a: 1 }]) await alias(project, "new", other);
    assert.deepEqual(ids(await project.people()), [["new"]]);
  },
  "identify set": async (project) => {
    await person(project, "id");
    await project.send("$identify", "id", { $set: { a: 1, c: 3 } });
    await project.send("$identify", "id", { $set: { a: 2, b: 2 } });
    assert.deepEqual(await project.people(), [
      { ids: ["id"], properties: { a: 2, b: 2, c: 3 }, known: false },
    ]);
  },
  "identify set_once": async (project) => {
    await person(project, "id");
    await project.send("$identify", "id", { $set_once: { a: 1, c: 3 } });
    await project.send("$identify", "id", { $set_once: { a: 2, b: 2 } });
    assert.deepEqual(await project.people(), [
      { ids: ["id"], properties: { a: 1, b: 2, c: 3 }, known: false },
    ]);
  },
  "any event can do $set on props (user exists)": async (project) => {
    await person(project, "id");
    await project.send("some event", "id", { $set: { a: 1 } });
    assert.deepEqual((await project.people())[0]?.properties, { a: 1 });
    assert.deepEqual((await project.events())[1]?.properties, { $set: { a: 1 } });
  },
  "any event can do $set on props (new user)": async (project) => {
    await project.send("some event", "id", { $set: { a: 1 } });
    assert.deepEqual((await project.people())[0]?.properties, { a: 1 });
  },
  "any event can do $set_once on props": async (project) => {
    await project.send("some event", "id", { $set_once: { a: 1 } });
    await project.send("some event", "id", { $set_once: { a: 2, b: null } });
    assert.deepEqual((await project.people())[0]?.properties, { a: 1, b: null });
  },
  "$set and $set_once merge with properties": async (project) => {
    const top = { $set: { k1: 1, k2: "a" }, $set_once: { k3: 1, k4: "a" } };
    const inner = { $set: { k2: "b", k5: 1 }, $set_once: { k4: "b", k6: 1 } };
    await project.send("some event", "id", inner, { data: top });
    const set = { k1: 1, k2: "a", k5: 1 };
    const once = { k3: 1, k4: "a", k6: 1 };
    assert.deepEqual((await project.people())[0]?.properties, { ...set, ...once });
    assert.deepEqual((await project.events())[0]?.properties, { $set: set, $set_once: once });
  },
  "identify with illegal (generic) id": async (project) => {
    await person(project, "im an anonymous id");
    const illegal = ["distinctId", "  ", "NaN", "undefined", "None", "0"];
    for (const id of illegal) await identify(project, id, "im an anonymous id");
    assert.deepEqual(ids(await project.people()), [
      ["im an anonymous id"],
      ...illegal.map((id) => [id]),
    ]);
    // Nor is anybody merged over such an id on the other side.
    for (const id of illegal) await alias(project, "im an anonymous id", id);
    assert.equal((await project.people()).length, illegal.length + 1);
    await identify(project, "Nan", "im an anonymous id");
    assert.deepEqual(ids(await project.people())[0], ["im an anonymous id", "Nan"]);
  },
  "distinct with anonymous_id": async (project) => {
    await person(project, "anon");
    for (let times = 0; times < 2; times++) {
      await identify(project, "new", "anon", { a_prop: "test" });
      assert.deepEqual(await project.people(), [
        { ids: ["anon", "new"], properties: { a_prop: "test" }, known: true },
      ]);
    }
  },
  "distinct with anonymous_id which was already created": async (project) => {
    await person(project, "anon");
    await person(project, "new", { email: "someone@example.com" });
    await identify(project, "new", "anon");
    assert.deepEqual(await project.people(), [
      { ids: ["anon", "new"], properties: { email: "someone@example.com" }, known: true },
    ]);
  },
  "distinct with multiple anonymous_ids which were already created": async (project) => {
    await person(project, "anon");
    await person(project, "new");
    await identify(project, "new", "anon");
    await person(project, "anon2");
    await identify(project, "new", "anon2");
    assert.deepEqual(ids(await project.people()), [["anon", "new", "anon2"]]);
  },
  "identify with the same distinct_id as anon_distinct_id": async (project) => {
    await identify(project, "anon", "anon");
    assert.deepEqual(await project.people(), [{ ids: ["anon"], properties: {}, known: false }]);
  },
  "$identify: with an already identified person": async (project) => {
    await person(project, "anon");
    await identify(project, "A", "anon");
    await person(project, "P2");
    await identify(project, "P2", "P2b");
    await identify(project, "A", "P2b");
    const people = await project.people();
    assert.deepEqual(ids(people), [["anon", "A"], ["P2", "P2b"]]);
    assert.deepEqual(known(people), [true, true]);
    assert.equal((await project.events()).at(-1)?.distinct_id, "A");
  },
  "$identify: no anonymous event before": async (project) => {
    await identify(project, "A", "anon");
    await identify(project, "P2", "P2b");
    await identify(project, "A", "P2b");
    const people = await project.people();
    assert.deepEqual(ids(people), [["A", "anon"], ["P2", "P2b"]]);
    assert.deepEqual(known(people), [true, true]);
  },
  "$create_alias: identified into identified": async (project) => {
    await identify(project, "A", "anon A");
    await identify(project, "B", "anon B");
    await alias(project, "A", "B");
    const people = await project.people();
    assert.equal(people.length, 1);
    assert.deepEqual(people[0]?.ids.toSorted(), ["A", "B", "anon A", "anon B"]);
    assert.deepEqual(known(people), [true]);
    assert.equal((await project.events()).length, 3);
  },
  "$create_alias: anonymous into identified, and the reverse": async (project) => {
    await identify(project, "A", "device A");
    await person(project, "anon");
    await alias(project, "A", "anon");
    await identify(project, "B", "device B");
    await person(project, "anon B");
    await alias(project, "anon B", "B");
    const people = await project.people();
    assert.deepEqual(ids(people), [["A", "device A", "anon"], ["B", "device B", "anon B"]]);
    assert.deepEqual(known(people), [true, true]);
  },
  "$create_alias: anonymous into anonymous": async (project) => {
    await person(project, "a");
    await person(project, "b");
    await alias(project, "a", "b");
    const people = await project.people();
    assert.deepEqual([ids(people), known(people)], [[["a", "b"]], [false]]);
  },
  "$create_alias: two non-existent": async (project) => {
    await alias(project, "x", "y");
    const people = await project.people();
    assert.deepEqual([ids(people), known(people)], [[["x", "y"]], [false]]);
  },
  "merge people": async (project) => {
    const at = (sentAt: string) => ({ raw: { sentAt } });
    await project.send("e", "target", { $set: { both: 1, t: 1 } }, at("2020-01-01T00:00:00Z"));
    await project.send("e", "other", { $set: { both: 2, o: 2 } }, at("2019-07-01T00:00:00Z"));
    await alias(project, "target", "other");
    assert.deepEqual(await project.people(), [
      { ids: ["target", "other"], properties: { both: 1, t: 1, o: 2 }, known: false },
    ]);
    assert.deepEqual(
      await project.rows("SELECT created_at FROM posthog_person WHERE team_id = $1"),
      [{ created_at: new Date("2019-07-01T00:00:00Z") }],
    );
  },
  "merge people: cohorts move, each once": async (project) => {
    for (const id of ["target", "other"]) await person(project, id);
    await project.rows(
      `WITH cohort AS (
         INSERT INTO posthog_cohort (
           team_id, deleted, groups, is_calculating, errors_calculating, is_static
         ) SELECT $1, false, '[]', false, 0, true FROM generate_series(1, 2) RETURNING id
       )
       INSERT INTO posthog_cohortpeople (cohort_id, person_id)
       SELECT cohort.id, person.id FROM cohort, posthog_person AS person
       WHERE person.team_id = $1 AND (
         cohort.id = (SELECT min(id) FROM cohort) OR
         person.id = (SELECT max(id) FROM posthog_person WHERE team_id = $1)
       )`,
    );
    await alias(project, "target", "other");
    const members = await project.rows(
      `SELECT cohort_id, person_id FROM posthog_cohortpeople
       JOIN posthog_cohort ON posthog_cohort.id = cohort_id WHERE team_id = $1`,
    );
    assert.equal(members.length, 2);
    assert.equal(new Set(members.map(({ person_id: id }) => id)).size, 1);
  },
  "created_at: sent_at, or the time of receipt; for recordings and merges always that": async (
    project,
  ) => {
    const sent = { raw: { sentAt: "2020-01-01T00:00:00Z", now: "2021-01-01T00:00:00Z" } };
    await project.send("e", "sent", {}, sent);
    await project.send("e", "not sent", {}, { raw: { now: "2021-01-01T00:00:00Z" } });
    const recording = { $session_id: "s", $snapshot_data: {} };
    await project.send("$snapshot", "recorded", recording, sent);
    await project.send("$create_alias", "merged", { alias: "other" }, sent);
    const rows = await project.rows(
      `SELECT extract(year FROM created_at)::int AS year FROM posthog_person WHERE team_id = $1
       ORDER BY id`,
    );
    assert.deepEqual(rows.map(({ year }) => year), [2020, 2021, 2021, 2021]);
  },
  "a new person's other columns": async (project) => {
    await person(project, "id");
    const [row] = await project.rows("SELECT * FROM posthog_person WHERE team_id = $1");
    assert.deepEqual([
      row?.properties_last_updated_at,
      row?.properties_last_operation,
      row?.is_user_id,
    ], [{}, null, null]);
    assert.match(String(row?.uuid), /^01[0-9a-f]{6}-/);
  },
};

Deno.test("people, case by case", async (t) => {
  await using test = await createTestDatabase();
  const { pipeline, create } = await createProjects(test.database);
  for (const [name, run] of Object.entries(CASES)) {
    const project = await create();
    await t.step(name, () => run(project));
  }
  await t.step("distinct team leakage", async () => {
    const [one, other] = [await create(), await create()];
    await person(one, "2", { team: 1 });
    await person(other, "2", { team: 2 });
    await identify(one, "2", "1");
    assert.deepEqual(await other.people(), [{ ids: ["2"], properties: { team: 2 }, known: false }]);
    assert.deepEqual(ids(await one.people()), [["2", "1"]]);
  });
  await t.step("$identify concurrently on two servers", async () => {
    const second = createPipeline(test.database);
    for (let round = 0; round < 10; round++) {
      const project = await create();
      await person(project, "existing");
      await Promise.all([
        project.send("$identify", "A", { $anon_distinct_id: "anon" }),
        project.send("$identify", "existing", { $anon_distinct_id: "anon" }, { on: second }),
      ]);
      // Whoever was first: the one who has the anonymous id is not merged with another who has none.
      const people = await project.people();
      const all = ids(people).flat().toSorted();
      assert.deepEqual(all, ["A", "anon", "existing"]);
      assert.ok(people.every((each) => each.known));
      if (people.length === 2) {
        assert.deepEqual(ids(people)[0], ["existing"]);
      } else assert.deepEqual(ids(people)[0]?.slice(0, 2), ["existing", "anon"]);
    }
    await second.drain(5_000, new AbortController().signal);
  });
  const letters = await test.database.query("SELECT reason FROM paddock.dead_letter");
  assert.deepEqual(letters, []);
  await pipeline.drain(5_000, new AbortController().signal);
});

Deno.test("merge people: what fails inside leaves both as they were, and is a dead letter", async () => {
  await using test = await createTestDatabase();
  const { pipeline, create } = await createProjects(test.database);
  const project = await create();
  await person(project, "target", { t: 1 });
  await person(project, "other", { o: 1 });
  const before = await project.people();
  // After the properties are written and the ids and cohorts are moved.
  await test.database.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'this one stays' USING ERRCODE = '23514'; END $$`,
  );
  await test.database.query(
    `CREATE TRIGGER refuse BEFORE DELETE ON posthog_person FOR EACH ROW EXECUTE FUNCTION refuse()`,
  );
  await alias(project, "target", "other");
  assert.deepEqual(await project.people(), before);
  const letters = await test.database.query<{ event: string; step: string; reason: string }>(
    "SELECT event, step, reason FROM paddock.dead_letter",
  );
  assert.deepEqual(letters.map(({ event, step }) => ({ event, step })), [
    { event: "$create_alias", step: "write" },
  ]);
  assert.match(letters[0]?.reason ?? "", /this one stays/);
  assert.deepEqual((await project.events()).map(({ event }) => event), ["start", "start"]);
  await pipeline.drain(5_000, new AbortController().signal);
});
