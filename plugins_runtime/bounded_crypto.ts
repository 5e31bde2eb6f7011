/**
 * Cryptography as plugins and libraries have it: everything that comes to an end soon, or that runs
 * where the deadline of a call ends it.
 *
 * Left out is what keeps another thread busy for as long as a parameter says: the worker would go on
 * giving signs of life, and nobody would stop it.
 */
import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import { setImmediate } from "node:timers";

type Callback = (error: unknown, ...results: readonly unknown[]) => void;

/** Functions of `node:crypto` that work on another thread when they are given a callback. */
const THREADED = [
  "pbkdf2",
  "scrypt",
  "hkdf",
  "generateKey",
  "generateKeyPair",
  "generatePrime",
  "checkPrime",
  "argon2",
] as const;

/** The most that a derivation may repeat itself: half a second or so. */
const MAX_ITERATIONS = 1_000_000;
const MAX_RSA_BITS = 4_096;

// Captured while this module loads.
const native = globalThis.crypto;
const getRandomValues = native.getRandomValues.bind(native);
const randomUUID = native.randomUUID.bind(native);

/** `crypto` on a plugin's globals. */
export const boundedWebCrypto: Readonly<Record<string, unknown>> = Object.freeze({
  getRandomValues,
  randomUUID,
  subtle: boundedSubtle(),
});

/** `require("crypto")`. */
export function boundedCrypto(): Record<string, unknown> {
  const all = crypto as unknown as Record<string, unknown>;
  const given: Record<string, unknown> = { ...all };
  for (const name of THREADED) {
    if (!(name in all)) continue;
    const sync = all[`${name}Sync`];
    if (typeof sync === "function") given[name] = onThisThread(sync as typeof call);
    else delete given[name];
  }
  // These change how the whole process computes.
  for (const name of ["setEngine", "setFips", "fips"]) delete given[name];
  given.webcrypto = boundedWebCrypto;
  given.subtle = boundedWebCrypto.subtle;
  given.getRandomValues = getRandomValues;
  return given;
}

declare function call(...args: readonly unknown[]): unknown;

/** Calls back later what is computed now. */
function onThisThread(sync: typeof call): (...args: unknown[]) => unknown {
  return (...args) => {
    const callback = args.at(-1);
    if (typeof callback !== "function") return sync(...args);
    let answer: readonly unknown[];
    try {
      const result = sync(...args.slice(0, -1));
      answer = [null, ...(isKeyPair(result) ? [result.publicKey, result.privateKey] : [result])];
    } catch (error) {
      answer = [error];
    }
    setImmediate(() => (callback as Callback)(...answer as [unknown]));
    return undefined;
  };
}

function isKeyPair(value: unknown): value is { publicKey: unknown; privateKey: unknown } {
  return typeof value === "object" && value !== null && "publicKey" in value &&
    !Buffer.isBuffer(value);
}

/** Web Crypto with its derivations and its keys bounded. */
function boundedSubtle(): Readonly<Record<string, unknown>> {
  const { subtle } = native;
  const given: Record<string, unknown> = { __proto__: null };
  const plain = [
    "digest",
    "sign",
    "verify",
    "encrypt",
    "decrypt",
    "importKey",
    "exportKey",
    "wrapKey",
    "unwrapKey",
  ] as const;
  for (const name of plain) given[name] = subtle[name].bind(subtle);
  for (const name of ["deriveBits", "deriveKey", "generateKey"] as const) {
    const bound = subtle[name].bind(subtle) as (...args: readonly unknown[]) => unknown;
    // As a promise, whatever goes wrong.
    given[name] = async (algorithm: unknown, ...rest: readonly unknown[]) =>
      await bound(boundedAlgorithm(algorithm), ...rest);
  }
  return Object.freeze(given);
}

/** A copy, each of whose members was read once, so that what was checked is what is used. */
function boundedAlgorithm(algorithm: unknown): unknown {
  if (typeof algorithm !== "object" || algorithm === null) return `${algorithm as string}`;
  const copy: Record<string, unknown> = { ...algorithm };
  const { iterations, modulusLength } = copy;
  if (iterations !== undefined) {
    copy.iterations = Number(iterations);
    if (!((copy.iterations as number) <= MAX_ITERATIONS)) {
      throw new RangeError(`over ${MAX_ITERATIONS} iterations`);
    }
  }
  if (modulusLength !== undefined) {
    copy.modulusLength = Number(modulusLength);
    if (!((copy.modulusLength as number) <= MAX_RSA_BITS)) {
      throw new RangeError(`keys of over ${MAX_RSA_BITS} bits`);
    }
  }
  return copy;
}
