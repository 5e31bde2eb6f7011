/**
 * What a member of a group and the source of Kafka have to do, asked of `kafkajs`, which the server
 * does not use. Not among the tests, for it fails where docs/architecture.md says so; it is run where
 * the choice of a client is looked at again:
 *
 *     deno task test tests/sources/kafka/kafkajs_conformance.ts
 */
import { testMemberConformance } from "../../stores/kafka/member_conformance.ts";
import { testKafkaConformance } from "./conformance.ts";
import { KafkaJsMember } from "./kafkajs_member.ts";

testMemberConformance("kafkajs", (options, events) => new KafkaJsMember(options, events));
testKafkaConformance("kafkajs", (options, events) => new KafkaJsMember(options, events));
