/** Where a batch ends, by its head alone: the client reads a batch whole, or says nothing of it. */
import {
  type BaseOptions,
  type Broker,
  Connection,
  type ConnectionOptions,
  fetchV11,
  type Reader,
} from "@platformatic/kafka";

/** The request and its version, which brokers since 2.3 know. */
const FETCH = { key: 1, version: 11 };
const READ_COMMITTED = 1;
/** Of a batch's head: where its format and, in the second one, its length in offsets are. */
const MAGIC_AT = 16;
const LAST_DELTA_AT = 23;
const HEAD_BYTES = 27;

/**
 * The last offset of the batch that holds `offset`; null where the broker has nothing there.
 * @throws Error of the client where the broker does not answer
 */
export async function lastOffsetOfBatch(
  client: BaseOptions,
  broker: Broker,
  place: { readonly topic: string; readonly partition: number; readonly offset: bigint },
): Promise<bigint | null> {
  const connection = new Connection(client.clientId, client as ConnectionOptions);
  connection.on("error", () => {});
  try {
    await connection.connect(broker.host, broker.port);
    return await new Promise((resolve, reject) =>
      connection.send(
        FETCH.key,
        FETCH.version,
        () => request(place),
        (_id, _key, _version, reader) => lastOffset(reader),
        false,
        false,
        (error, found) => error ? reject(error) : resolve(found ?? null),
      )
    );
  } finally {
    await connection.close();
  }
}

/** The least that a broker sends, which is one batch. */
function request({ topic, partition, offset }: Parameters<typeof lastOffsetOfBatch>[2]) {
  const wanted = {
    partition,
    fetchOffset: offset,
    partitionMaxBytes: 1,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  };
  const topics = [{ topicId: topic, partitions: [wanted] }];
  return fetchV11.createRequest(1, 1, 1, READ_COMMITTED, 0, -1, topics, [], "");
}

/** Of an answer in that version, with one partition at most. */
function lastOffset(reader: Reader): bigint | null {
  reader.readInt32(); // Throttling.
  reader.readInt16(); // The error of a session: there is none.
  reader.readInt32(); // The session.
  const [found] = reader.readArray(
    (topics) => {
      topics.readString(false);
      return topics.readArray((partitions) => recordsOf(partitions), false, false)[0] ?? null;
    },
    false,
    false,
  );
  if (!found || found.length < HEAD_BYTES) return null;
  const first = found.readBigInt64BE(0);
  // In the formats before, the offset of a compressed batch is that of its last message.
  if (found.readInt8(MAGIC_AT) < 2) return first;
  return first + BigInt(found.readInt32BE(LAST_DELTA_AT));
}

function recordsOf(reader: Reader) {
  reader.readInt32(); // The partition.
  reader.readInt16(); // Its error; there are no records then.
  for (let count = 0; count < 3; count++) reader.readInt64(); // Where it begins and ends.
  reader.readNullableArray(
    (aborted) => [aborted.readInt64(), aborted.readInt64()],
    false,
    false,
  );
  reader.readInt32(); // The replica to be read from.
  return reader.readNullableBytes(false);
}
