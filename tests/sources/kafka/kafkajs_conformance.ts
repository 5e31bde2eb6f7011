/**
 * The same suite by `kafkajs`, which the server does not use: not among the tests, and run where the
 * choice of a client is looked at again: deno task test tests/sources/kafka/kafkajs_conformance.ts
 */
import { testKafkaConformance } from "./conformance.ts";
import { KafkaJsMember } from "./kafkajs_member.ts";

testKafkaConformance("kafkajs", (options, events) => new KafkaJsMember(options, events));
