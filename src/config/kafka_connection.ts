/** How the settings say that Kafka is reached. */
import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { errorMessage, PaddockError } from "../errors.ts";
import type { KafkaConnection } from "../stores/kafka/connection.ts";
import type { Config } from "./config.ts";

/**
 * @param clientId shown to the brokers
 * @throws PaddockError PDK_CONFIG_INVALID naming the setting that is missing or cannot be read
 */
export function kafkaConnection(config: Config, clientId: string): KafkaConnection {
  const brokers = (config.KAFKA_HOSTS ?? "").split(",").map((host) => host.trim())
    .filter((host) => host !== "");
  if (brokers.length === 0) {
    throw invalid("You must set KAFKA_HOSTS to process events from Kafka!");
  }
  const malformed = brokers.find((broker) => !/^(\[[^\]]+\]|[^:\s]+):\d{1,5}$/.test(broker));
  if (malformed !== undefined) throw invalid(`KAFKA_HOSTS: '${malformed}' is not host:port`);
  return { brokers, clientId, tls: tlsOf(config), sasl: saslOf(config) };
}

function tlsOf(config: Config): KafkaConnection["tls"] {
  const certificate = pemOf(config, "KAFKA_CLIENT_CERT_B64", (pem) => new X509Certificate(pem));
  const key = pemOf(config, "KAFKA_CLIENT_CERT_KEY_B64", (pem) => createPrivateKey(pem));
  const ca = pemOf(config, "KAFKA_TRUSTED_CERT_B64", (pem) => new X509Certificate(pem));
  if ((certificate === null) !== (key === null)) {
    const [there, missing] = certificate === null
      ? ["KAFKA_CLIENT_CERT_KEY_B64", "KAFKA_CLIENT_CERT_B64"]
      : ["KAFKA_CLIENT_CERT_B64", "KAFKA_CLIENT_CERT_KEY_B64"];
    throw invalid(`${there} is set without ${missing}: a certificate needs its key`);
  }
  if (!config.KAFKA_SSL && certificate === null && ca === null) return null;
  return { ca, certificate, key, checksHostname: config.KAFKA_SSL_CHECK_HOSTNAME };
}

function saslOf(config: Config): KafkaConnection["sasl"] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USER: username } = config;
  if (mechanism === "none") return null;
  const { KAFKA_SASL_PASSWORD: password } = config;
  if (!username || !password) {
    const missing = username ? "KAFKA_SASL_PASSWORD" : "KAFKA_SASL_USER";
    throw invalid(`KAFKA_SASL_MECHANISM is ${mechanism}, but ${missing} is not set`);
  }
  const name = mechanism.toUpperCase() as NonNullable<KafkaConnection["sasl"]>["mechanism"];
  return { mechanism: name, username, password };
}

function pemOf(
  config: Config,
  name: "KAFKA_CLIENT_CERT_B64" | "KAFKA_CLIENT_CERT_KEY_B64" | "KAFKA_TRUSTED_CERT_B64",
  parse: (pem: string) => unknown,
): string | null {
  const text = config[name];
  if (!text) return null;
  const pem = Buffer.from(text, "base64").toString();
  if (!pem.includes("-----BEGIN ")) throw invalid(`${name} is not the base64 of a PEM text`);
  try {
    parse(pem);
  } catch (error) {
    throw invalid(`${name} cannot be read: ${errorMessage(error)}`);
  }
  return pem;
}

function invalid(message: string): PaddockError {
  return new PaddockError("PDK_CONFIG_INVALID", message);
}
