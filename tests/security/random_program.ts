/** Plugins made by chance from what attacks are made of. */
import type { SeededRandom } from "../services/random.ts";

const OBJECTS = `globalThis Object Object.prototype Function.prototype Array.prototype Promise
  Promise.prototype Error Error.prototype String.prototype RegExp.prototype Uint8Array.prototype
  DataView.prototype Map.prototype Symbol Reflect Proxy JSON Math Date Intl Buffer Buffer.prototype
  console meta meta.config meta.cache meta.storage meta.global event event.properties fetch require
  module exports setTimeout queueMicrotask structuredClone URL Event EventTarget.prototype Blob
  TextDecoder.prototype ArrayBuffer AbortSignal crypto Response.prototype Headers.prototype`.split(
  /\s+/,
);

const KEYS =
  `then toJSON constructor __proto__ prototype length 0 call apply bind push map slice set
  get has value done next team_id uuid event properties prepareStackTrace stack message name toString
  valueOf subarray byteLength buffer parse stringify resolve reject dispatchEvent addEventListener
  Symbol.iterator Symbol.species Symbol.toPrimitive Symbol.asyncIterator`.split(/\s+/);

const VALUES = `undefined null true 0 -1 NaN 1e9 "" "x".repeat(1e5) [] {} (()=>{}) Symbol("s") 1n
  new(Proxy)({},{}) new(Date)(NaN) /(a+)+$/ new(Uint8Array)(8) new(Error)("e") event meta globalThis
  {then(r){r(1)}} {get(){throw(1)}} {set(){}} {toJSON(){return(event)}}`.split(/\s+/);

/** Roads that must not lead anywhere; what they come to is reported. */
const POWERS = `typeof(Deno) typeof(process) typeof(Worker) typeof(navigator) typeof(postMessage)
  typeof(globalThis[Symbol.for("Deno.internal")]) typeof(WebAssembly) typeof(SharedArrayBuffer)`
  .split(/\s+/);

export function randomProgram(random: SeededRandom): string {
  const member = () => {
    const key = random.pick(KEYS);
    return key.startsWith("Symbol.") ? `[${key}]` : `[${JSON.stringify(key)}]`;
  };
  const value = () => random.pick(VALUES);
  const path = () => random.pick(OBJECTS) + (random.below(2) === 0 ? member() : "");
  const statements: (() => string)[] = [
    () => `${path()}${member()} = ${value()};`,
    () =>
      `Object.defineProperty(${path()}, ${
        JSON.stringify(random.pick(KEYS))
      }, { get() { return ${value()} }, configurable: true });`,
    () => `await ${path()}${member()}(${value()}, ${value()});`,
    () => `new ${path()}(${value()});`,
    () => `${path()}.constructor("return " + ${JSON.stringify(random.pick(POWERS))})();`,
    () => `Reflect.apply(${path()}, ${path()}, [${value()}]);`,
    () => `Object.setPrototypeOf(${path()}, ${path()});`,
    () => `Object.freeze(${path()});`,
    () => `delete ${path()}${member()};`,
    () => `for (const k of Reflect.ownKeys(${path()})) try { ${path()}[k] } catch {}`,
    () => `for (let i = 0; i < ${random.pick(["10", "1e4", "1e7"])}; i++) ${path()};`,
    () => `setTimeout(() => { ${path()}${member()} = ${value()} }, ${random.below(5)});`,
    () => `throw ${value()};`,
    () => `return ${value()};`,
    () => `await new Promise((r) => setTimeout(r, ${random.below(20)}));`,
    () => `console.log(${value()}, ${path()});`,
    () => `meta.storage.set(${value()}, ${value()});`,
    () => `meta.cache.get(${value()}, ${value()});`,
    () => `await fetch(${value()});`,
    () => `await import(${value()});`,
    () => `require(${value()});`,
  ];
  const block = (count: number): string =>
    Array.from({ length: count }, () => {
      const statement = random.pick(statements)();
      return random.below(4) === 0 || /^(return|throw)/.test(statement)
        ? statement
        : `try { ${statement} } catch {}`;
    }).join("\n    ");
  const powers = POWERS.map((power) => {
    const text = JSON.stringify(power);
    return `try { if (${power} !== "undefined") reached = ${text} } catch {}`;
  }).join("\n    ");
  return `
const meta = { config: {}, cache: {}, storage: {}, global: {} };
const event = { properties: {} };
const prelude = async () => { ${random.below(3) === 0 ? block(random.below(4)) : ""} };
prelude().catch(() => {});
exports.processEvent = async (event, meta) => {
  let reached;
  if (event.properties.number === 1) {
    ${block(1 + random.below(8))}
  }
  ${powers}
  if (reached !== undefined) event.properties.power = reached;
  return event;
}`;
}
