/** What a plugin gives back may be anything; what is stored is an event, the right one, or none. */
import { type Attack, testAttacks } from "./attack_server.ts";

/** A plugin whose attack is what it returns; `build` is an expression over `event`. */
function returning(name: string, build: string, expect: Attack["expect"] = "fails"): Attack {
  return {
    name,
    source: `
      exports.processEvent = (event) => {
        if (event.properties.attack) return (() => { ${build} })();
        event.properties.seen = true;
        return event;
      }`,
    expect,
  };
}

/** What came of it is in the event's `answer`. */
function answering(name: string, build: string, answer: RegExp): Attack {
  return returning(name, build, answer);
}

const VALUES: readonly Attack[] = [
  returning("a text", "return 'forged'"),
  returning("a number", "return 1"),
  returning("true", "return true"),
  returning("a symbol", "return Symbol('x')"),
  returning("a BigInt", "return 10n"),
  returning("a function", "return () => event"),
  returning("a class", "return class {}"),
  returning("a list", "return [event]"),
  returning("an empty object", "return {}"),
  returning("a date", "return new Date()"),
  returning("a map", "return new Map([['event', 'x']])"),
  returning("an error", "return new Error('x')"),
  returning("a list of events", "return [event, event]"),
  returning("a cyclic event", "event.properties.self = event; return event"),
  returning("a cyclic list", "const a = []; a.push(a); event.properties.a = a; return event"),
  returning("a BigInt inside", "event.properties.n = 10n; return event"),
  returning(
    "a getter that throws",
    "Object.defineProperty(event, 'x', { enumerable: true, get() { throw new Error('got') } }); return event",
  ),
  returning(
    "a getter that throws nothing",
    "Object.defineProperty(event, 'x', { enumerable: true, get() { throw null } }); return event",
  ),
  returning(
    "a toJSON that throws",
    "event.toJSON = () => { throw new Error('json') }; return event",
  ),
  returning("a toJSON that returns nothing", "event.toJSON = () => undefined; return event"),
  returning("a toJSON that returns a text", "event.toJSON = () => 'forged'; return event"),
  returning("a toJSON that never ends", "event.toJSON = () => { for (;;); }; return event"),
  returning(
    "a proxy that throws at everything",
    "return new Proxy({}, { get() { throw new Error('trap') } })",
  ),
  returning(
    "a proxy that throws at its keys",
    "return new Proxy(event, { ownKeys() { throw new Error('keys') } })",
  ),
  returning(
    "a revoked proxy",
    "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy",
  ),
  returning("a frozen event with another team", "event.team_id = 1e9; return Object.freeze(event)"),
  returning(
    "an event 300,000 levels deep",
    "let o = {}; for (let i = 0; i < 3e5; i++) o = { o }; event.properties.o = o; return event",
  ),
  returning(
    "an event 2,000 levels deep",
    "let o = {}; for (let i = 0; i < 2e3; i++) o = { o }; event.properties.o = o; return event",
  ),
  returning("an event of 100 MB", "event.properties.big = 'x'.repeat(1e8); return event"),
  returning("an event of 2 MB", "event.properties.big = 'x'.repeat(2e6); return event"),
  returning(
    "2 MB of small objects",
    "event.properties.big = Array(7e5).fill({}); return event",
  ),
  returning(
    "a million keys of 20 characters",
    "for (let i = 0; i < 1e6; i++) event.properties['key number ' + i] = 'value'; return event",
  ),
  returning("a name that is no text", "event.event = { toString: () => 'x' }; return event"),
  returning("no name", "delete event.event; return event"),
  returning("properties that are a list", "event.properties = [1]; return event"),
  returning("properties that are a text", "event.properties = 'x'; return event"),
  returning("a distinct id that is an object", "event.distinct_id = {}; return event"),
  returning("an empty distinct id", "event.distinct_id = ''; return event"),
  returning(
    "a distinct id of 1,000 characters",
    "event.distinct_id = 'x'.repeat(1e3); return event",
  ),
  returning(
    "an error that is thrown twice",
    "Promise.reject(new Error('a')); throw new Error('b')",
  ),
  returning("a thrown text", "throw 'text'"),
  returning("nothing thrown", "throw undefined"),
  returning("a thrown null", "throw null"),
  returning("a thrown symbol", "throw Symbol('x')"),
  returning(
    "a thrown proxy",
    "throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
  ),
  returning("a thrown object whose message never ends", "throw { get message() { for (;;); } }"),
  returning("an error with a message of 50 MB", "throw new Error('x'.repeat(5e7))"),
  returning(
    "an error whose stack is an object",
    "throw Object.assign(new Error('x'), { stack: {} })",
  ),
  returning(
    "an error whose name is a getter",
    "const e = new Error('x'); Object.defineProperty(e, 'name', { get() { throw e } }); throw e",
  ),
  returning(
    "an error of an error of …",
    "let e = new Error('0'); for (let i = 0; i < 1e5; i++) e = new Error('n', { cause: e }); throw e",
  ),
  returning(
    "a promise of a promise that never settles",
    "return Promise.resolve(new Promise(() => {}))",
  ),
  returning("a thenable that throws", "return { then() { throw new Error('then') } }"),
  returning(
    "a thenable that rejects twice",
    "return { then(_, no) { no(new Error('a')); no(new Error('b')) } }",
  ),
  returning("a then that is a getter", "return { get then() { throw new Error('then') } }"),
];

const KEPT: readonly Attack[] = [
  answering(
    "a thenable that resolves twice",
    "return { then(yes) { event.properties.answer = 'first'; yes(event); yes({ event: 'second' }) } }",
    /^first$/,
  ),
  answering(
    "a thenable that resolves and throws",
    "return { then(yes) { event.properties.answer = 'first'; yes(event); throw new Error('late') } }",
    /^first$/,
  ),
  answering(
    "a proxy of an event",
    "event.properties.answer = 'proxied'; return new Proxy(event, {})",
    /^proxied$/,
  ),
  answering(
    "own keys named __proto__",
    `return JSON.parse(JSON.stringify(event).replace('{', '{"__proto__":{"polluted":1},').replace('"properties":{', '"properties":{"__proto__":{"polluted":1},"answer":"plain",'))`,
    /^plain$/,
  ),
  answering(
    "an event that grows by half a megabyte",
    "event.properties.big = 'x'.repeat(5e5); event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering(
    "a constructor key",
    "event.properties.constructor = { prototype: { polluted: 1 } }; event.properties.answer = 'plain'; return event",
    /^plain$/,
  ),
  answering(
    "control characters and lone surrogates",
    "event.properties.answer = 'a\\u0000b\\ud800c'; return event",
    /^a\ufffdb\ufffdc$/,
  ),
  answering(
    "a number that is none",
    "event.properties.n = NaN; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering("a date inside", "event.properties.answer = new Date(0); return event", /^1970-01-01/),
  answering(
    "undefined inside",
    "event.properties.u = undefined; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering(
    "a class instance",
    "class E { constructor(e) { Object.assign(this, e) } } event.properties.answer = 'instance'; return new E(event)",
    /^instance$/,
  ),
  answering(
    "another uuid",
    "event.uuid = '00000000-0000-0000-0000-000000000000'; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering(
    "a uuid that is an attack",
    "event.uuid = \"'; DROP TABLE posthog_event; --\"; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering(
    "another time",
    "event.now = '1999-01-01'; event.sent_at = 'x'; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering(
    "another site",
    "event.site_url = 'http://evil'; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
  answering(
    "SQL in a value",
    'event.properties.answer = "\'); DELETE FROM posthog_event; --"; return event',
    /DELETE FROM/,
  ),
  answering(
    "marks of its own",
    "event.properties.$plugins_succeeded = ['forged']; event.properties.answer = 'kept'; return event",
    /^kept$/,
  ),
];

const TEAM: readonly Attack[] = [
  returning("another team", "event.team_id = 1; return event", "harmless"),
  returning("no team", "delete event.team_id; return event", "harmless"),
  returning(
    "a team that is an object",
    "event.team_id = { valueOf: () => 1 }; return event",
    "harmless",
  ),
  returning(
    "a team behind a getter",
    "let n = 0; Object.defineProperty(event, 'team_id', { enumerable: true, configurable: true, get: () => n++ ? 1 : 2 }); return event",
    "harmless",
  ),
  returning(
    "a team by toJSON",
    "event.toJSON = function () { return { ...this, toJSON: undefined, team_id: 1, uuid: 'x' } }; return event",
    "harmless",
  ),
];

/** A plugin that is all attack: `prelude` runs while it loads. */
function polluting(name: string, prelude: string): Attack {
  return {
    name,
    source: `${prelude}
      exports.processEvent = (event) => { event.properties.seen = true; return event }`,
    expect: "harmless",
  };
}

const POLLUTED: readonly Attack[] = [
  polluting(
    "Object.prototype.toJSON",
    "Object.prototype.toJSON = () => ({ team_id: 1, event: 'forged' });",
  ),
  polluting(
    "Object.prototype.then",
    "Object.prototype.then = function (yes) { yes({ event: 'forged', team_id: 1 }) };",
  ),
  polluting("Array.prototype.push", "Array.prototype.push = () => { throw new Error('push') };"),
  polluting("Array.prototype.map", "Array.prototype.map = () => [{ event: 'forged' }];"),
  polluting(
    "Array.prototype[Symbol.iterator]",
    "Array.prototype[Symbol.iterator] = function* () { yield { event: 'forged' } };",
  ),
  polluting("Array.isArray", "Array.isArray = () => false;"),
  polluting(
    "an index of all lists",
    "Object.defineProperty(Array.prototype, '0', { set() {}, get() { return { event: 'forged' } } });",
  ),
  polluting(
    "Promise.prototype.then",
    "Promise.prototype.then = function (yes) { yes?.({ event: 'forged' }) };",
  ),
  polluting("Promise.resolve", "Promise.resolve = () => ({ then() {} });"),
  polluting("Promise", "globalThis.Promise = class { then() {} };"),
  polluting(
    "JSON.parse and JSON.stringify",
    "JSON.parse = () => ({ event: 'forged', team_id: 1 }); JSON.stringify = () => '{\"event\":\"forged\"}';",
  ),
  polluting("Uint8Array.prototype.set", "Uint8Array.prototype.set = () => {};"),
  polluting(
    "Uint8Array.prototype.subarray",
    "Uint8Array.prototype.subarray = () => new Uint8Array(5);",
  ),
  polluting(
    "DataView.prototype",
    "DataView.prototype.getUint32 = () => 7; DataView.prototype.setUint32 = () => {};",
  ),
  polluting("TextDecoder.prototype.decode", "TextDecoder.prototype.decode = () => '{}';"),
  polluting(
    "Function.prototype.call",
    "Function.prototype.call = () => { throw new Error('call') }; Function.prototype.apply = Function.prototype.call; Function.prototype.bind = Function.prototype.call;",
  ),
  polluting(
    "Object.prototype.status",
    "Object.defineProperty(Object.prototype, 'status', { get: () => 2, set() {} });",
  ),
  polluting(
    "Object.prototype.index",
    "Object.defineProperty(Object.prototype, 'index', { get: () => 0, set() {} });",
  ),
  polluting(
    "Map.prototype",
    "Map.prototype.get = () => undefined; Map.prototype.set = () => { throw 1 };",
  ),
  polluting(
    "Symbol.species",
    "Object.defineProperty(Uint8Array, Symbol.species, { get() { return Array } }); Object.defineProperty(Promise, Symbol.species, { get() { throw 1 } });",
  ),
  polluting(
    "setTimeout and clearTimeout",
    "globalThis.setTimeout = (f) => f(); globalThis.clearTimeout = () => { throw 1 };",
  ),
  polluting(
    "String.prototype",
    "String.prototype.slice = () => 'forged'; String.prototype.toString = () => 'forged';",
  ),
  polluting(
    "every prototype frozen",
    "for (const c of [Object, Array, Promise, Map, Function, Uint8Array]) Object.freeze(c.prototype);",
  ),
  polluting(
    "every global deleted",
    "for (const k of Reflect.ownKeys(globalThis)) try { delete globalThis[k] } catch {}",
  ),
];

testAttacks("what is no event goes on as it was", VALUES, {
  atOnce: 8,
  env: { PLUGIN_HEAP_MB: "256" },
});
testAttacks("odd events are stored as what they are", [...KEPT, ...TEAM], { atOnce: 12 });
testAttacks("what a plugin does to its own world stays there", POLLUTED, { atOnce: 8 });
