/** Events that a clumsy or a hostile sender could send, seeded. */
import type { SeededRandom } from "../services/random.ts";

/** An event object as JSON text; may nest, overflow and name what no program would write. */
export function hostileEvent(random: SeededRandom): string {
  const members = new Map<string, string>([
    ["event", JSON.stringify(random.pick(NAMES))],
    ["distinct_id", JSON.stringify(`visitor ${random.below(50)}`)],
    ["properties", hostileProperties(random)],
  ]);
  for (let spoiled = random.below(3); spoiled > 0; spoiled--) {
    members.set(random.pick(MEMBERS), hostileValue(random));
  }
  if (random.below(4) === 0) members.delete(random.pick([...members.keys()]));
  return objectText(members);
}

/** A text that is meant to be a message and is none. */
export function brokenText(random: SeededRandom): string {
  const event = hostileEvent(random);
  return random.pick<() => string>([
    () => "",
    () => event.slice(0, random.below(event.length)),
    () => `${event}${event}`,
    () => event.replaceAll('"', "'"),
    () => JSON.stringify(event),
    () =>
      random.pick(["null", "0", "[]", "{}", "true", '""', "[[]]", "[null]", "NaN", "undefined"]),
    () => noise(random, 1 + random.below(200)),
  ])();
}

const MEMBERS: readonly string[] = [
  ...["event", "distinct_id", "properties", "timestamp", "offset", "sent_at", "now", "ip"],
  ...["uuid", "team_id", "site_url", "$set", "$set_once", "kafka_offset", "__proto__"],
  ...["constructor", "toString", "data", "attempts", "", "$distinct_id"],
];

const NAMES: readonly string[] = [
  ...["seen", "$pageview", "$identify", "$create_alias", "$groupidentify", "$autocapture"],
  ...["$snapshot", "$feature_flag_called", "", " ", "x".repeat(250), "__proto__", "a\u0000b"],
];

const KEYS: readonly string[] = [
  ...["a", "$set", "$set_once", "$elements", "$groups", "$group_type", "$group_key", "$group_set"],
  ...["$anon_distinct_id", "alias", "$session_id", "$snapshot_data", "$ip", "$current_url"],
  ...["__proto__", "constructor", "prototype", "hasOwnProperty", "toJSON", "valueOf", "then"],
  ...["", "\u0000", "\ud800", "x".repeat(300), "$plugins_failed", "distinct_id", "utm_source"],
  ...["1", "-1", "a.b", "a'b", 'a"b', "$group_0", "length"],
];

const TEXTS: readonly string[] = [
  "'; DROP TABLE posthog_event; --",
  "' OR '1'='1",
  "\\'; SELECT pg_sleep(10); --",
  "$1, $2); --",
  '", "team_id": 2, "x": "',
  "{}}}]]]",
  "${7*7} {{7*7}} %s %n %x",
  "\u0000",
  "a\u0000b\u0000",
  "\ud800",
  "\udc00 in front",
  "emoji \ud83e\udd94 half \ud83e",
  "\u0001\u0002\u0007\u001b[31m\u009b",
  "\u2028\u2029\u202e\ufeff",
  "../../../etc/passwd",
  "undefined",
  "NaN",
  "[object Object]",
  "9".repeat(400),
  "🦔".repeat(150),
  "2021-10-28T12:00:00Z",
  "0000-00-00T00:00:00Z",
  "+275760-09-13T00:00:00.001Z",
  "-271821-04-20T00:00:00Z",
  "00000000-0000-0000-0000-000000000000",
  "\\u0000",
  "",
];

/** JSON texts, as JavaScript would not write some of them. */
const NUMBERS: readonly string[] = [
  ...["0", "-0", "1", "-1", "1e400", "-1e400", "1e-400", "9007199254740993", "2147483648"],
  ...["-2147483649", "1.7976931348623157e308", "8640000000000001", "1635422400", "0.1"],
];

function hostileProperties(random: SeededRandom): string {
  const members = new Map<string, string>();
  for (let count = random.below(8); count > 0; count--) {
    members.set(random.pick(KEYS), hostileValue(random));
  }
  return objectText(members);
}

function hostileValue(random: SeededRandom, depth = 0): string {
  const simple = [
    () => JSON.stringify(random.pick(TEXTS)),
    () => random.pick(NUMBERS),
    () => random.pick(["null", "true", "false", "[]", "{}", '""']),
    () => JSON.stringify(noise(random, random.below(40))),
  ];
  const rare = [
    () => JSON.stringify(random.pick(TEXTS).repeat(1 + random.below(2_000))),
    () => nested(random, 1 + random.below(700)),
    () => nested(random, 5_000),
    () => objectText(new Map(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, "1"]))),
  ];
  if (random.below(200) === 0) return random.pick(rare)();
  if (depth > 3 || random.below(3) > 0) return random.pick(simple)();
  const count = random.below(4);
  if (random.below(2) === 0) {
    return `[${Array.from({ length: count }, () => hostileValue(random, depth + 1)).join(",")}]`;
  }
  const members = new Map<string, string>();
  for (let member = 0; member < count; member++) {
    members.set(random.pick(KEYS), hostileValue(random, depth + 1));
  }
  return objectText(members);
}

function nested(random: SeededRandom, levels: number): string {
  return random.below(2) === 0
    ? "[".repeat(levels) + "]".repeat(levels)
    : '{"a":'.repeat(levels) + "1" + "}".repeat(levels);
}

function noise(random: SeededRandom, length: number): string {
  return String.fromCharCode(...Array.from({ length }, () => random.below(0x10000)));
}

function objectText(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
}
