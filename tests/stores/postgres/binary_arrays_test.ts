/** What is sent in the binary form of arrays is what Postgres reads. */
import assert from "node:assert/strict";
import { intArray, jsonbArray, textArray } from "../../../src/stores/postgres/binary_arrays.ts";
import { createTestDatabase } from "../../services/database.ts";

Deno.test("arrays of every kind arrive as they were, empty ones too", async () => {
  await using test = await createTestDatabase();
  const texts = ["", "a", 'with "quotes", {braces} and \\', "ö\n", null];
  const numbers = [0, -1, 2_147_483_647, -2_147_483_648];
  const values = ['{"a": [1]}', "null", '"ö"', null];
  const sent = [[texts, numbers, values], [[], [], []]] as const;
  for (const [text, int, json] of sent) {
    const [row] = await test.database.query(
      "SELECT $1::text[] AS text, $2::int[] AS int, to_jsonb($3::jsonb[]) AS json",
      [textArray(text), intArray(int), jsonbArray(json)],
    );
    const parsed = json.map((each) => each === null ? null : JSON.parse(each));
    assert.deepEqual(row, { text, int, json: parsed });
  }
});
