import assert from "node:assert/strict";
import { Database } from "../../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../../services/database.ts";

/** How a long value is compressed that a new pool's transaction writes. */
async function compressionOf(url: string): Promise<string | undefined> {
  const database = new Database({ connectionString: url, max: 1, applicationName: "tests" });
  try {
    return await database.transaction(async (tx) => {
      await tx.query("CREATE TEMPORARY TABLE long_value (value jsonb) ON COMMIT DROP");
      await tx.query("INSERT INTO long_value SELECT to_jsonb(repeat('ab', 5000))");
      const rows = await tx.query<{ how: string }>(
        "SELECT pg_column_compression(value) AS how FROM long_value",
      );
      return rows[0]?.how;
    });
  } finally {
    await database.close();
  }
}

Deno.test("long values are compressed by lz4, unless the operator has chosen", async () => {
  await using test = await createTestDatabase();
  assert.equal(await compressionOf(test.url), "lz4");
  const name = new URL(test.url).pathname.slice(1);
  await test.database.query(
    `ALTER DATABASE ${name} SET default_toast_compression = 'pglz'`,
  );
  assert.equal(await compressionOf(test.url), "pglz");
});
