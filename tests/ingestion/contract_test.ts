/**
 * Where the behaviour of PostHog's plugin server 1.10 is held, and each place where this server does
 * better: no test here may vanish or change its name unnoticed. The numbers are those of the list of
 * telling cases that this server was written to.
 */
import assert from "node:assert/strict";

/** What is to hold → file below `tests/`, and names of tests in it. */
type Held = Readonly<Record<string, readonly [file: string, ...tests: string[]]>>;

const EVENTS = "ingestion/event_cases_test.ts";
const PEOPLE = "ingestion/people_cases_test.ts";
const MATCHER = "actions/action_matcher_test.ts";
const SELECTOR = "actions/selector_test.ts";
const MESSAGE = "actions/hook_message_test.ts";
const DEFINITIONS = "stores/postgres/events/definitions_test.ts";
const GROUPS = "stores/postgres/events/groups_store_test.ts";
const CACHES = "stores/postgres/row_caches_test.ts";
const PREPARE = "pipeline/prepare_test.ts";
const DECODE = "pipeline/decode_test.ts";
const STORE = "stores/postgres/events/event_store_test.ts";
const PLUGINS = "plugins/hosts/plugin_hosts_test.ts";

const CASES: Held = {
  "1-4 capture new person": [EVENTS, "capture new person"],
  "5 initial current domain": [EVENTS, "initial current domain regression test"],
  "6 capture bad team": [EVENTS, "capture bad team, throws with bad uuid"],
  "7-8 sent_at": [EVENTS, "capture sent_at", "capture sent_at no timezones"],
  "9 no sent_at": [EVENTS, "capture no sent_at"],
  "10 offset": [EVENTS, "offset timestamp", "offset timestamp no sent_at"],
  "11 ip": [EVENTS, "ip none", "ip capture", "ip override", "anonymized ip capture"],
  "12 alias": [PEOPLE, "alias"],
  "13 alias reverse": [PEOPLE, "alias reverse"],
  "14 alias twice": [PEOPLE, "alias twice"],
  "15 alias before person": [PEOPLE, "alias before person"],
  "16 alias both existing": [PEOPLE, "alias both existing"],
  "17 alias merge properties": [PEOPLE, "alias merge properties"],
  "18 long htext": [EVENTS, "long htext"],
  "19 first team event": [EVENTS, "capture first team event"],
  "20 snapshot stored": [EVENTS, "snapshot event stored as session_recording_event"],
  "21 snapshot creates person": [EVENTS, "$snapshot event creates new person if needed"],
  "22-23 identify set": [PEOPLE, "identify set", "identify set_once"],
  "24 illegal id": [PEOPLE, "identify with illegal (generic) id"],
  "25 distinct with anonymous_id": [PEOPLE, "distinct with anonymous_id"],
  "26 already created": [PEOPLE, "distinct with anonymous_id which was already created"],
  "27 multiple": [PEOPLE, "distinct with multiple anonymous_ids which were already created"],
  "28 same id": [PEOPLE, "identify with the same distinct_id as anon_distinct_id"],
  "29 team leakage": [PEOPLE, "distinct team leakage"],
  "30 already identified": [PEOPLE, "$identify: with an already identified person"],
  "31 no anonymous event": [PEOPLE, "$identify: no anonymous event before"],
  "32 concurrently": [PEOPLE, "$identify concurrently on two servers"],
  "33 alias of identified": [PEOPLE, "$create_alias: identified into identified"],
  "34 alias both ways": [PEOPLE, "$create_alias: anonymous into identified, and the reverse"],
  "35 alias of anonymous": [PEOPLE, "$create_alias: anonymous into anonymous"],
  "36 alias of nobody": [PEOPLE, "$create_alias: two non-existent"],
  "37 merge people": [
    PEOPLE,
    "merge people",
    "merge people: what fails inside leaves both as they were, and is a dead letter",
  ],
  "37 its messages": [
    "stores/kafka/people_messages_test.ts",
    "moveDistinctIds and deletePerson: who takes over, each id for both, who is gone",
  ],
  "38 team event_properties": [EVENTS, "team event_properties"],
  "39 event names": [
    EVENTS,
    "event name object json",
    "event name array json",
    "long event name substr",
  ],
  "40 bad uuid": [DECODE, "what cannot be stored is refused with the member at fault"],
  "41 $set": [
    PEOPLE,
    "any event can do $set on props (user exists)",
    "any event can do $set on props (new user)",
    "any event can do $set_once on props",
  ],
  "42 $set merge": [PEOPLE, "$set and $set_once merge with properties"],
  "43 groupidentify": [EVENTS, "groupidentify"],
  "43 in ClickHouse": [
    "kafka/server_test.ts",
    "events, people and dead letters come out of ClickHouse as they went into Kafka",
  ],
  "44 element group": [EVENTS, "element group"],
  "45 elements chain": [
    "events/elements_chain_test.ts",
    "elements as one text are those of the server before",
    "a chain is parsed back into its elements",
  ],
  "46 dead letter queue": [
    "stores/kafka/dead_letter_message_test.ts",
    "events get sent to dead letter queue on error, with all that is known of them",
  ],
  "47 event, in Postgres": [
    "pipeline/deliver_test.ts",
    "onEvent gets the event as it left processEvent, and no dropped one",
  ],
  "48 snapshot": [
    "pipeline/deliver_test.ts",
    "onEvent gets each stored event, onSnapshot each recording, and the outbox is emptied",
  ],
  "49 action matches are saved": [
    "stores/postgres/actions/actions_test.ts",
    "events that match an action get rows, with the person as the event left it",
  ],
  "50 createPerson, updatePerson": [
    "stores/kafka/people_messages_test.ts",
    "createPerson and addDistinctId: the person, then each of its ids",
    "updatePerson: all of the row as it is now, the time to the second",
  ],
  "51 two stores agree": [
    "faults/kafka_kill_test.ts",
    "three servers, one killed, one added, the broker killed: no event is lost, and people end as they did in Postgres",
  ],
  "52 no steps": [MATCHER, "an action without steps matches nothing, an empty step everything"],
  "53 exact, icontains": [
    MATCHER,
    "property filters: exact and is_not are opposites",
    "property filters: icontains and not_icontains",
  ],
  "54 regex": [MATCHER, "property filters: regex and not_regex"],
  "55 is_set": [MATCHER, "property filters: is_set and is_not_set"],
  "56 gt, lt": [MATCHER, "property filters: gt and lt"],
  "57 URL": [MATCHER, "the address: contains with % and _, exact, regular expression"],
  "58 name and URL": [MATCHER, "the name is compared as a whole, and with the address"],
  "59 person": [MATCHER, "the person's properties"],
  "60 cohort": [MATCHER, "cohorts: members only, 'all' is everybody"],
  "60 static cohort": [
    "stores/clickhouse/static_cohorts_test.ts",
    "a static cohort of ClickHouse makes an action match; a miss is looked up in Postgres [60]",
  ],
  "61 element": [
    MATCHER,
    "elements: all that is asked for is true of one element",
    "element filters look at any element's own fields",
  ],
  "62 selector": [MATCHER, "selectors of steps and of element filters"],
  "63 several groups": [
    MATCHER,
    "several steps: any of them, also where another cannot be decided",
  ],
  "64 elements against selector": [
    SELECTOR,
    "what is said of one element",
    "descendants, children and lists",
    "an earlier element that fits does not hide a later one",
  ],
  "65 casting": [MATCHER, "property filters: values of different types"],
  "66 hook type, user, action": [
    MESSAGE,
    "the kind of message is told from the address",
    "the user: an email, or else the distinct id, as a link",
    "the action, as a link",
  ],
  "67 tokens": [
    MESSAGE,
    "values of the event, of both kinds, and what is missing",
    "without a template it is the usual sentence",
    "a token that means nothing makes an error of the whole",
  ],
  "68-69 webhook, REST hook": [
    "server/actions_test.ts",
    "matched events are told to webhooks and REST hooks, through the job queue",
  ],
  "70 group types": [
    CACHES,
    "group types are cached for 30 s; one that another server made meanwhile is its",
  ],
  "71 groups": [GROUPS, "groups: types get indexes up to five, events their group properties"],
  "72 persons, without its race": [
    STORE,
    "a burst of brand-new visitors loses none, on several servers at once",
  ],
  "73 team": [
    CACHES,
    "a team is fetched and cached; a change is seen after 30 s with one query",
    "a team that there is not is absent, and looked for again soon",
  ],
  "73 organization": [
    CACHES,
    "an organization is fetched and cached; a change is seen after 30 s with one query",
    "an organization that there is not is absent, and looked for again soon",
  ],
  "74 definitions": [
    DEFINITIONS,
    "definitions: those that are there are kept, and known ones cost no statement",
  ],
  "75 actions reload": [
    "stores/postgres/actions/actions_test.ts",
    "actions are kept in step with their rows",
  ],
  "76 capture": [
    "plugins/api/capture_test.ts",
    "a captured event has its defaults, and goes through the plugins as any other [5.capture]",
  ],
  "77 ingestEvent": [DECODE, "what cannot be stored is refused with the member at fault"],
  "78 plugin outcomes": [
    PLUGINS,
    "a plugin changes, keeps and drops events, in order",
    "team and uuid cannot be changed, dates become text, odd returns are failures [5.errors]",
  ],
  "UUIDT": [
    "events/uuid_test.ts",
    "a uuid is well-formed, begins with its time, and counts within a millisecond",
    "uuids sort by the time they were made",
  ],
  "protobuf bytes": [
    "stores/kafka/event_messages_test.ts",
    "an event is the very bytes that the server before writes",
  ],
};

const BETTER: Held = {
  "a team that is not there is found before anything else": [
    EVENTS,
    "capture bad team, throws with bad uuid",
  ],
  "$plugins_… are on the event that is stored": [
    PREPARE,
    "which plugins ran is said, all three lists or none [5.succeeded]",
  ],
  "a Date of a plugin's is a text": [
    PLUGINS,
    "team and uuid cannot be changed, dates become text, odd returns are failures [5.errors]",
  ],
  "a failed task keeps the original event": [
    "plugins/hosts/plugin_workers_test.ts",
    "a crash in one of several processes costs its own event only",
  ],
  "sent_at may be absent, arguments may have names": [
    "sources/celery/message_test.ts",
    "both protocols, by position and by name, are the same event",
  ],
  "unknown tasks and bad envelopes are put aside": [
    "server/lifecycle_test.ts",
    "messages that are none cost nothing and are found again",
  ],
  "the server's team and time win over the sender's": [
    DECODE,
    "the sender's members lie over the envelope, but not over the server's",
  ],
  "no name, no distinct id or too long a one: a dead letter": [
    DECODE,
    "what cannot be stored is refused with the member at fault",
  ],
  "U+0000 and lone surrogates": [
    "events/storable_text_test.ts",
    "U+0000 and lone surrogates become U+FFFD, everything else stays",
  ],
  "a redelivered event is stored once": [
    STORE,
    "what comes again is recognised, what only looks alike is not",
  ],
  "one parser of dates, UTC, and never a loss": [
    "events/timestamps_test.ts",
    "the four rules of an event's time, in their order",
    "a date outside of what the databases hold is no date",
  ],
  "$set that is no object": [
    "events/person_properties_test.ts",
    "what is not an object is ignored, and nothing asks for nothing",
  ],
  "element fields of the wrong type": [
    "events/elements_test.ts",
    "members of the wrong type cost nothing",
  ],
  "new visitors do not race": [
    STORE,
    "a burst of brand-new visitors loses none, on several servers at once",
  ],
  "no update of a person is lost": [
    "ingestion/two_servers_test.ts",
    "two servers and the same people at once leave what one thread would",
  ],
  "illegal ids on both sides": [
    PREPARE,
    "identify and alias ask for a merge, unless an id is one that many share",
  ],
  "cohorts once": [PEOPLE, "merge people: cohorts move, each once"],
  "a merge is one transaction": [
    PEOPLE,
    "merge people: what fails inside leaves both as they were, and is a dead letter",
  ],
  "group types of any name": ["events/groups_test.ts", "what an event says of groups"],
  "groups in Postgres": [
    GROUPS,
    "groupidentify: the group's row is replaced, its event stored, no person changed",
  ],
  "recordings without session or data": [PREPARE, "a recording needs its session and its data"],
  "a store that is away loses nothing": [
    STORE,
    "a database that is away makes events wait, and a full pipeline says so",
  ],
  "a definition costs no event": [
    DEFINITIONS,
    "definitions: those that are there are kept, and known ones cost no statement",
    "definitions: names are defined once, in the order of the properties, numbers marked",
  ],
  "ingested_event is set once": [
    DEFINITIONS,
    "ingested_event: set by the first event, not by recordings or the plugins' counters",
  ],
  "nonsense on the channels of actions": [
    "stores/postgres/actions/actions_test.ts",
    "actions are kept in step with their rows",
  ],
  "negative operators over lists": [
    MATCHER,
    "property filters: lists are any of, or none of where the operator is negative",
  ],
  "selectors are CSS's, and never hang": [
    SELECTOR,
    "what is not understood matches nothing, and never hangs",
  ],
  "templates are no formats, links are escaped": [
    MESSAGE,
    "the template's own text is taken literally",
    "what visitors send is no command to the chat, and links need an address",
  ],
  "hooks are tried again, and cost no rows": [
    "actions/hook_client_test.ts",
    "what becomes of a job, by what the receiver answers",
  ],
  "a server killed at any time": [
    "faults/kill_test.ts",
    "killed while it empties Redis: every message becomes one row",
  ],
  "Kafka: nothing is committed before it is stored": [
    "stores/kafka/event_output_test.ts",
    "nothing is committed of a batch whose events Kafka does not take, and all of it when it does",
  ],
  "Kafka: large messages": [
    "stores/kafka/producer_test.ts",
    "a message larger than the topic takes is refused, and the others are stored",
  ],
};

for (const [what, held] of Object.entries({ cases: CASES, "places to do better": BETTER })) {
  Deno.test(`${what}: each has its test`, async () => {
    const missing: string[] = [];
    for (const [name, [file, ...tests]] of Object.entries(held)) {
      const text = await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
      for (const test of tests) {
        // As the name of a test, or of a case in a table of them.
        const isThere = text.includes(`Deno.test("${test}"`) || text.includes(`"${test}": async`) ||
          text.includes(`t.step("${test}"`);
        if (!isThere) missing.push(`${name}: ${file}: ${test}`);
      }
    }
    assert.deepEqual(missing, []);
  });
}
