import assert from "node:assert/strict";
import { QueryTags } from "../../src/stores/postgres/query_tag.ts";

Deno.test("statements are told apart by what they do to which table", () => {
  const tags = new QueryTags();
  const cases = [
    ["INSERT INTO posthog_event (id) SELECT 1", "createEventInsert"],
    ["-- insert into x\nselect 1 FROM posthog_team WHERE id = $1", "fetchTeam"],
    [
      "WITH gone AS (DELETE FROM paddock.server) INSERT INTO paddock.server VALUES (1)",
      "delete paddock.server",
    ],
    ["UPDATE posthog_pluginconfig SET error = $1", "updatePluginConfigError"],
    ["SELECT pg_notify($1, $2)", "select"],
    ["BEGIN", "begin"],
    ["SELECT 1 FROM unnest($1::int[]) AS a JOIN paddock.lease ON true", "select"],
  ] as const;
  for (const [text, tag] of cases) assert.equal(tags.of(text), tag, text);
});

Deno.test("texts without end do not become tags without end", () => {
  const tags = new QueryTags();
  const seen = new Set<string>();
  for (let n = 0; n < 5_000; n++) seen.add(tags.of(`SELECT 1 FROM table_${n}`));
  assert.ok(seen.size <= 1_001);
});
