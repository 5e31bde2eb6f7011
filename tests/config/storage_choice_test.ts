import assert from "node:assert/strict";
import { decideStorage, type StorageChoice } from "../../src/config/storage_choice.ts";
import type { SettingName } from "../../src/config/settings.ts";

Deno.test("embedded only on a first start with nothing set and nothing there", () => {
  const cases: [SettingName[], StorageChoice | null, boolean, boolean, StorageChoice][] = [
    [[], null, false, false, "embedded"],
    [["HTTP_PORT", "BASE_DIR"], null, false, false, "embedded"],
    [[], null, true, false, "external"],
    [[], null, false, true, "external"],
    [["DATABASE_URL"], null, false, false, "external"],
    [["REDIS_URL"], null, false, false, "external"],
    [["POSTHOG_DB_NAME"], null, false, false, "external"],
    [["KAFKA_ENABLED"], null, false, false, "external"],
    // Decided before: a database that comes or goes changes nothing, a setting does.
    [[], "embedded", true, true, "embedded"],
    [[], "external", false, false, "external"],
    [["DATABASE_URL"], "embedded", false, false, "external"],
  ];
  for (const [explicit, recorded, postgresAnswers, redisAnswers, expected] of cases) {
    const situation = { explicit: new Set(explicit), recorded, postgresAnswers, redisAnswers };
    assert.equal(decideStorage(situation), expected, JSON.stringify([...explicit, recorded]));
  }
});
