import { GroupMember } from "../../../src/stores/kafka/group_member.ts";
import { testKafkaConformance } from "./conformance.ts";

testKafkaConformance("kafka", (options, events) => new GroupMember(options, events));
