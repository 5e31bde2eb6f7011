/** A private Kafka: the broker's own classes out of Maven, as one node that is its own controller. */
import { randomBytes } from "node:crypto";
import { Admin } from "@platformatic/kafka";
import { cacheFolder, prepareFolder } from "./cache_folder.ts";
import { freePort } from "./free_port.ts";
import { findProgram, type Service, startService } from "./service_process.ts";

const VERSION = "4.1.2";
/** Writes what the broker logs to its standard error. */
const LOGGER_VERSION = "1.7.36";

/** How long fetching it may take, over a slow network too. */
const FETCH_MS = 600_000;
const FORMAT_MS = 90_000;

export interface KafkaOptions {
  /** Where it keeps its files; made and formatted when it is not there. */
  readonly directory: string;
  readonly port?: number;
  /** Lines for `server.properties`, over the ones here. */
  readonly properties?: readonly string[];
  /** Listeners beside the plain one, e.g. `SSL://127.0.0.1:9093`. */
  readonly listeners?: readonly string[];
  /** Who may log in by SCRAM, as Kafka's own tool takes it: `SCRAM-SHA-256=[name=…,password=…]`. */
  readonly scram?: readonly string[];
  /** Fast once it is warm, rather than soon there. */
  readonly isForLong?: boolean;
}

/** The programs that are missing, as Debian's packages. */
export function missingKafkaPackages(): string[] {
  return [
    ...(findProgram(["java"]) === null ? ["default-jre-headless"] : []),
    ...(findProgram(["mvn"]) === null ? ["maven"] : []),
  ];
}

/** The folder with the broker's jars: fetched once, and kept for later runs. */
export async function kafkaJars(): Promise<string> {
  const folder = `${cacheFolder()}/kafka-${VERSION}`;
  await prepareFolder(folder, async (empty) => {
    console.log(`fetching Kafka ${VERSION}`);
    await Deno.writeTextFile(`${empty}/pom.xml`, POM);
    const { success, stdout, stderr } = await new Deno.Command("mvn", {
      args: [
        ...["-B", "-q", "dependency:copy-dependencies"],
        ...["-DincludeScope=runtime", "-DoutputDirectory=jars"],
      ],
      cwd: empty,
      stdin: "null",
      signal: AbortSignal.timeout(FETCH_MS),
    }).output();
    if (success) return;
    const decoder = new TextDecoder();
    const words = (decoder.decode(stdout) + decoder.decode(stderr)).slice(-1500);
    throw new Error(`Maven did not fetch Kafka: ${words}`);
  });
  return `${folder}/jars`;
}

/** Starts a broker. The `url` of the service is what KAFKA_HOSTS takes. */
export async function startKafka(options: KafkaOptions): Promise<Service> {
  const { directory, port = freePort(), properties = [], listeners = [] } = options;
  const jars = await kafkaJars();
  await Deno.mkdir(directory, { recursive: true });
  const controller = freePort();
  const own = [`PLAINTEXT://127.0.0.1:${port}`, ...listeners];
  const file = `${directory}/server.properties`;
  await Deno.writeTextFile(
    file,
    [
      "process.roles=broker,controller",
      "node.id=1",
      `controller.quorum.voters=1@127.0.0.1:${controller}`,
      "controller.listener.names=CONTROLLER",
      `listeners=${own.join()},CONTROLLER://127.0.0.1:${controller}`,
      `advertised.listeners=${own.join()}`,
      "listener.security.protocol.map=" +
      "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
      `log.dirs=${directory}/data`,
      "auto.create.topics.enable=false",
      "offsets.topic.replication.factor=1",
      "offsets.topic.num.partitions=1",
      "transaction.state.log.replication.factor=1",
      "transaction.state.log.min.isr=1",
      "transaction.state.log.num.partitions=1",
      "group.initial.rebalance.delay.ms=0",
      "log.cleaner.backoff.ms=500",
      "group.min.session.timeout.ms=1000",
      ...properties,
    ].join("\n"),
  );
  const logFile = `${directory}/kafka.log`;
  const java = [
    ...(options.isForLong ? [] : ["-XX:TieredStopAtLevel=1"]),
    ...["-XX:+UseSerialGC", "-Xmx400m", "-cp", `${jars}/*`],
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  ];
  await format(java, directory, file, options.scram ?? []);
  const url = `127.0.0.1:${port}`;
  return await startService({
    name: "Kafka",
    url,
    logFile,
    stopSignal: "SIGTERM",
    startTimeoutMs: 90_000,
    command: new Deno.Command("/bin/sh", {
      args: [
        "-c",
        'log="$1"; shift; exec java "$@" >>"$log" 2>&1',
        "sh",
        logFile,
        ...java,
        "kafka.Kafka",
        file,
      ],
      cwd: directory,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }),
    answers: async () => {
      const admin = new Admin({ clientId: "tests", bootstrapBrokers: [url], retries: 0 });
      try {
        await admin.listTopics();
      } finally {
        await admin.close();
      }
    },
  });
}

async function format(
  java: readonly string[],
  directory: string,
  file: string,
  scram: readonly string[],
): Promise<void> {
  const formatted = await Deno.stat(`${directory}/data/meta.properties`).then(
    () => true,
    () => false,
  );
  if (formatted) return;
  const { success, stdout, stderr } = await new Deno.Command("java", {
    args: [
      ...java,
      // Its first letter is none that would make an option of it.
      ...[
        "kafka.tools.StorageTool",
        "format",
        "-t",
        `A${randomBytes(16).toString("base64url").slice(1)}`,
      ],
      ...["-c", file],
      ...scram.flatMap((credentials) => ["--add-scram", credentials]),
    ],
    stdin: "null",
    signal: AbortSignal.timeout(FORMAT_MS),
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new Error(
    `Kafka's folder was not formatted: ${decoder.decode(stdout)}${decoder.decode(stderr)}`,
  );
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>paddock.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>${LOGGER_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;
