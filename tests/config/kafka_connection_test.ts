import assert from "node:assert/strict";
import { clickHouseOptions } from "../../src/config/clickhouse_options.ts";
import { type Environment, loadConfig } from "../../src/config/config.ts";
import { kafkaConnection } from "../../src/config/kafka_connection.ts";
import { PaddockError } from "../../src/errors.ts";

const connect = (environment: Environment) =>
  kafkaConnection(loadConfig({ KAFKA_ENABLED: "true", ...environment }), "client");

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof PaddockError && error.code === "PDK_CONFIG_INVALID" &&
  message.test(error.message);

const base64 = (text: string) => btoa(text);
const BROKEN = base64("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

Deno.test("brokers are a list of host:port", () => {
  assert.deepEqual(connect({ KAFKA_HOSTS: "a:9092, b:9093 ,[::1]:9094," }).brokers, [
    "a:9092",
    "b:9093",
    "[::1]:9094",
  ]);
  assert.throws(() => connect({}), refused(/You must set KAFKA_HOSTS/));
  assert.throws(() => connect({ KAFKA_HOSTS: "a:9092,b" }), refused(/'b' is not host:port/));
});

Deno.test("TLS and SASL that cannot be used are refused with the setting at fault", () => {
  const KAFKA_HOSTS = "a:9092";
  assert.equal(connect({ KAFKA_HOSTS }).tls, null);
  assert.deepEqual(connect({ KAFKA_HOSTS, KAFKA_SSL: "true" }).tls, {
    ca: null,
    certificate: null,
    key: null,
    checksHostname: false,
  });
  for (const name of ["KAFKA_CLIENT_CERT_B64", "KAFKA_TRUSTED_CERT_B64"]) {
    assert.throws(
      () => connect({ KAFKA_HOSTS, [name]: "no certificate" }),
      refused(new RegExp(`${name} is not the base64 of a PEM`)),
    );
    assert.throws(
      () => connect({ KAFKA_HOSTS, [name]: BROKEN }),
      refused(new RegExp(`${name} cannot be read`)),
    );
  }
  assert.throws(
    () => connect({ KAFKA_HOSTS, KAFKA_CLIENT_CERT_KEY_B64: BROKEN }),
    refused(/KAFKA_CLIENT_CERT_KEY_B64 cannot be read/),
  );
  assert.throws(
    () => connect({ KAFKA_HOSTS, KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USER: "me" }),
    refused(/KAFKA_SASL_PASSWORD is not set/),
  );
  const login = { KAFKA_SASL_USER: "me", KAFKA_SASL_PASSWORD: "secret" };
  assert.deepEqual(
    connect({ KAFKA_HOSTS, KAFKA_SASL_MECHANISM: "scram-sha-512", ...login }).sasl,
    { mechanism: "SCRAM-SHA-512", username: "me", password: "secret" },
  );
});

Deno.test("ClickHouse is reached at its default ports, or at the one that is given", async () => {
  const urlOf = async (environment: Environment) =>
    (await clickHouseOptions(loadConfig(environment))).url;
  assert.equal(await urlOf({}), "http://localhost:8123");
  assert.equal(
    await urlOf({ CLICKHOUSE_HOST: "ch", CLICKHOUSE_SECURE: "true" }),
    "https://ch:8443",
  );
  assert.equal(await urlOf({ CLICKHOUSE_HOST: "ch:9" }), "http://ch:9");
  await assert.rejects(urlOf({ CLICKHOUSE_HOST: "a b" }), refused(/CLICKHOUSE_HOST: 'a b'/));
  await assert.rejects(
    urlOf({ CLICKHOUSE_CA: "nowhere.pem" }),
    refused(/CLICKHOUSE_CA: .*nowhere.pem cannot be used/),
  );
});
