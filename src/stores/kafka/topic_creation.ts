import { Admin } from "@platformatic/kafka";
import { clientOptions, type KafkaConnection, kafkaUnavailable } from "./connection.ts";

/**
 * Makes topics that are not there, with the partitions and replicas that are the brokers' default.
 * @returns the names of those it made
 * @throws PaddockError PDK_KAFKA_UNAVAILABLE
 */
export async function createMissingTopics(
  connection: KafkaConnection,
  topics: readonly string[],
): Promise<string[]> {
  const admin = new Admin({ ...clientOptions(connection), autocreateTopics: false });
  try {
    const present = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !present.has(topic));
    if (missing.length > 0) {
      await admin.createTopics({ topics: missing, partitions: -1, replicas: -1 });
    }
    return missing;
  } catch (error) {
    throw kafkaUnavailable(error);
  } finally {
    await admin.close();
  }
}
