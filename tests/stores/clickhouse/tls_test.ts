import assert from "node:assert/strict";
import { clickHouseOptions } from "../../../src/config/clickhouse_options.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { PaddockError } from "../../../src/errors.ts";
import { ClickHouse } from "../../../src/stores/clickhouse/client.ts";
import { makeCertificates } from "../../services/certificates.ts";
import { createTestClickHouse } from "../../services/clickhouse_database.ts";
import { startTlsFront } from "../../services/tls_front.ts";

Deno.test("ClickHouse by TLS is checked against the authority in CLICKHOUSE_CA, and against no other", async () => {
  await using test = await createTestClickHouse();
  const directory = await Deno.makeTempDir();
  try {
    await makeCertificates(directory);
    const read = (name: string) => Deno.readTextFile(`${directory}/${name}`);
    const { hostname, port } = new URL(test.url);
    const identity = { cert: await read("local.crt"), key: await read("local.key") };
    await using front = await startTlsFront({ hostname, port: Number(port) }, identity);
    const answerWith = async (authority: Record<string, string>) => {
      const config = loadConfig({
        BASE_DIR: directory,
        CLICKHOUSE_HOST: `127.0.0.1:${front.port}`,
        CLICKHOUSE_SECURE: "true",
        ...authority,
      });
      const clickhouse = new ClickHouse(await clickHouseOptions(config));
      try {
        return (await clickhouse.query<{ one: number }>("SELECT 1 AS one"))[0]?.one;
      } finally {
        await clickhouse.close();
      }
    };
    const refused = (code: string, words: RegExp) => (error: unknown) =>
      error instanceof PaddockError && error.code === code && words.test(error.message);
    assert.equal(await answerWith({ CLICKHOUSE_CA: "ca.crt" }), 1);
    const untrusted = refused("PDK_CLICKHOUSE_UNAVAILABLE", /CLICKHOUSE_HOST.*certificate/i);
    await assert.rejects(answerWith({ CLICKHOUSE_CA: "other.crt" }), untrusted);
    await assert.rejects(answerWith({}), untrusted);
    await Deno.writeTextFile(`${directory}/broken.crt`, "no certificate");
    await assert.rejects(
      answerWith({ CLICKHOUSE_CA: "broken.crt" }),
      refused("PDK_CONFIG_INVALID", /CLICKHOUSE_CA: .*broken\.crt cannot be used/),
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
