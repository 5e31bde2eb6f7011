/** How Kafka is reached, and what its errors mean here. */
import { type BaseOptions, findErrorBy } from "@platformatic/kafka";
import { errorMessage, PaddockError } from "../../errors.ts";

/** The brokers and how to prove who one is. */
export interface KafkaConnection {
  /** `host:port` of the brokers that are asked first. */
  readonly brokers: readonly string[];
  /** Shown in the brokers' logs and quotas. */
  readonly clientId: string;
  /** PEM texts; null for plain TCP. */
  readonly tls: {
    readonly ca: string | null;
    readonly certificate: string | null;
    readonly key: string | null;
    readonly checksHostname: boolean;
  } | null;
  readonly sasl: {
    readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
    readonly username: string;
    readonly password: string;
  } | null;
}

const CONNECT_MS = 3_000;
const REQUEST_MS = 30_000;

/** The part of a client's options that says how brokers are reached. */
export function clientOptions(connection: KafkaConnection): BaseOptions {
  const { brokers, clientId, tls, sasl } = connection;
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retries: 3,
    retryDelay: 250,
    // Where the brokers make topics that are asked for, they did so for the server before.
    autocreateTopics: true,
    ...(tls === null ? {} : { tls: tlsOptions(tls), tlsServerName: tls.checksHostname }),
    ...(sasl === null ? {} : { sasl }),
  };
}

function tlsOptions(tls: NonNullable<KafkaConnection["tls"]>): NonNullable<BaseOptions["tls"]> {
  const { ca, certificate, key, checksHostname } = tls;
  return {
    ...(ca === null ? {} : { ca }),
    ...(certificate === null ? {} : { cert: certificate }),
    ...(key === null ? {} : { key }),
    ...(checksHostname ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** What Kafka answers when a message, or a batch of them, is larger than it takes. */
const TOO_LARGE = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"];

/** Whether a broker refused to store something because of its size. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof Error &&
    TOO_LARGE.some((id) => findErrorBy(error, "apiId", id) !== null);
}

/** Any error of a client as a retryable one that says what is wrong in one line. */
export function kafkaUnavailable(error: unknown): PaddockError {
  if (error instanceof PaddockError) return error;
  return new PaddockError("PDK_KAFKA_UNAVAILABLE", `Kafka (KAFKA_HOSTS): ${reasonOf(error)}`, {
    cause: error,
  });
}

/** Clients wrap errors in errors; the innermost says what happened. */
function reasonOf(error: unknown): string {
  let innermost = error;
  for (let depth = 0; depth < 8 && innermost instanceof Error; depth++) {
    const inner: unknown = innermost instanceof AggregateError
      ? innermost.errors[0]
      : innermost.cause;
    if (!(inner instanceof Error)) break;
    innermost = inner;
  }
  const message = errorMessage(innermost);
  return message === errorMessage(error) ? message : `${errorMessage(error)} (${message})`;
}
