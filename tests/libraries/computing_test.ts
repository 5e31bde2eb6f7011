/** Libraries that only compute: what plugins do with them, and what they get. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, createPublicKey, createVerify, pbkdf2Sync } from "node:crypto";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { pluginEvent } from "../plugins/fence.ts";
import { eventually } from "../services/plugin_server.ts";
import { answerOf, fenced } from "./library_run.ts";

const base64 = (text: unknown) => Buffer.from(String(text), "base64");

Deno.test("crypto: hashes, derivations, keys and signatures", async () => {
  const answer = await answerOf(
    `import crypto, { createHash, createHmac, createSign, randomBytes, randomUUID, pbkdf2, generateKeyPair } from 'crypto'`,
    `const [publicKey, privateKey] = await new Promise((resolve, reject) =>
       generateKeyPair('rsa', { modulusLength: 1024 }, (error, ...keys) => error ? reject(error) : resolve(keys)))
     return {
       hash: createHash('sha256').update('x').digest('hex'),
       threaded: await new Promise((resolve, reject) =>
         randomBytes(9, (error, bytes) => error ? reject(error) : resolve(bytes.length))),
       streamed: await new Promise((resolve) => {
         const hash = createHash('md5')
         hash.on('readable', () => { const read = hash.read(); if (read) resolve(read.toString('hex')) })
         hash.end('x')
       }),
       hmac: createHmac('sha1', 'k').update('x').digest('base64'),
       random: randomBytes(8).length,
       uuid: randomUUID(),
       isSame: crypto.createHash === createHash,
       derived: await new Promise((resolve, reject) =>
         pbkdf2('secret', 'salt', 10, 16, 'sha1', (error, key) => error ? reject(error) : resolve(key.toString('hex')))),
       signature: createSign('sha256').update('x').sign(privateKey, 'base64'),
       publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
     }`,
  ) as Record<string, string>;
  assert.equal(answer.hash, createHash("sha256").update("x").digest("hex"));
  assert.equal(answer.hmac, createHmac("sha1", "k").update("x").digest("base64"));
  assert.equal(answer.derived, pbkdf2Sync("secret", "salt", 10, 16, "sha1").toString("hex"));
  assert.equal(answer.streamed, createHash("md5").update("x").digest("hex"));
  assert.equal(answer.threaded, 9);
  assert.match(String(answer.uuid), /^[0-9a-f-]{36}$/);
  assert.deepEqual([answer.random, answer.isSame], [8, true]);
  const verified = createVerify("sha256").update("x")
    .verify(createPublicKey(String(answer.publicKey)), base64(answer.signature));
  assert.ok(verified);
});

Deno.test("Web Crypto: digests, signatures, ciphers; derivations up to a bound", async () => {
  const answer = await answerOf(
    "",
    `const { subtle } = crypto
     const key = await subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt', 'decrypt'])
     const iv = crypto.getRandomValues(new Uint8Array(12))
     const sealed = await subtle.encrypt({ name: 'AES-GCM', iv }, key, new TextEncoder().encode('hello'))
     const password = await subtle.importKey('raw', new TextEncoder().encode('secret'), 'PBKDF2', false, ['deriveBits'])
     const derive = (iterations) => subtle.deriveBits(
       { name: 'PBKDF2', hash: 'SHA-1', salt: new TextEncoder().encode('salt'), iterations }, password, 128)
     return {
       opened: new TextDecoder().decode(await subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)),
       derived: Buffer.from(await derive(10)).toString('hex'),
       tooLong: await derive(2e9).catch((error) => error.message),
     }`,
  ) as Record<string, string>;
  assert.equal(answer.opened, "hello");
  assert.equal(answer.derived, pbkdf2Sync("secret", "salt", 10, 16, "sha1").toString("hex"));
  assert.match(String(answer.tooLong), /over 1000000 iterations/);
});

Deno.test("zlib, stream and url are Node's own", async () => {
  const answer = await answerOf(
    `import { gzip as gzipLater, gzipSync, brotliCompressSync, createGzip } from 'zlib'
     import { PassThrough, Readable } from 'stream'
     import url, { URL, URLSearchParams } from 'url'`,
    `const chunks = []
     const gzip = Readable.from(['ab', 'cd']).pipe(createGzip()).pipe(new PassThrough())
     for await (const chunk of gzip) chunks.push(chunk)
     return {
       gzip: gzipSync('hello').toString('base64'),
       brotli: brotliCompressSync(Buffer.from('hello')).toString('base64'),
       later: await new Promise((resolve, reject) =>
         gzipLater('later', (error, bytes) => error ? reject(error) : resolve(bytes.toString('base64')))),
       streamed: Buffer.concat(chunks).toString('base64'),
       host: new URL('https://a.example/b?c=d').host,
       query: new URLSearchParams({ a: 'b c' }).toString(),
       legacy: url.parse('https://a.example:8/b').port,
     }`,
  ) as Record<string, string>;
  assert.equal(gunzipSync(base64(answer.gzip)).toString(), "hello");
  assert.equal(brotliDecompressSync(base64(answer.brotli)).toString(), "hello");
  assert.equal(gunzipSync(base64(answer.later)).toString(), "later");
  assert.equal(gunzipSync(base64(answer.streamed)).toString(), "abcd");
  assert.deepEqual([answer.host, answer.query, answer.legacy], ["a.example", "a=b+c", "8"]);
});

Deno.test("jsonwebtoken: RS256 and HS256, there and back, and its errors", async () => {
  const answer = await answerOf(
    `import { generateKeyPairSync } from 'crypto'
     import jwt, { JsonWebTokenError, TokenExpiredError } from 'jsonwebtoken'`,
    `const { privateKey, publicKey } = generateKeyPairSync('rsa', {
       modulusLength: 2048,
       privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
       publicKeyEncoding: { type: 'spki', format: 'pem' },
     })
     const token = jwt.sign({ scope: 's' }, privateKey, { algorithm: 'RS256', issuer: 'i', expiresIn: '1h' })
     const errorOf = (run) => { try { run() } catch (error) { return error } }
     const expired = jwt.sign({ exp: 1 }, 'k')
     return {
       verified: jwt.verify(token, publicKey).iss,
       byCallback: await new Promise((resolve) => jwt.verify(token, publicKey, (_error, decoded) => resolve(decoded.scope))),
       hs: jwt.verify(jwt.sign({ a: 1 }, 'k'), 'k').a,
       forged: errorOf(() => jwt.verify(jwt.sign({ a: 1 }, 'k'), 'other')) instanceof JsonWebTokenError,
       expired: errorOf(() => jwt.verify(expired, 'k')) instanceof TokenExpiredError,
     }`,
  );
  assert.deepEqual(answer, { verified: "i", byCallback: "s", hs: 1, forged: true, expired: true });
});

Deno.test("generic-pool lends what it has, and faker makes things up", async () => {
  const answer = await answerOf(
    `import { createPool } from 'generic-pool'
     import faker from 'faker'`,
    `let made = 0
     const pool = createPool({ create: async () => ++made, destroy: async () => {} }, { min: 0, max: 2 })
     const used = await Promise.all([1, 2, 3, 4].map(() => pool.use(async (resource) => resource)))
     await pool.drain()
     await pool.clear()
     faker.seed(1)
     const name = faker.name.findName()
     faker.seed(1)
     return { made, most: Math.max(...used), repeats: faker.name.findName() === name, email: faker.internet.email() }`,
  ) as Record<string, unknown>;
  assert.deepEqual([answer.made, answer.most, answer.repeats], [2, 2, true]);
  assert.match(String(answer.email), /@/);
});

Deno.test("createBuffer flushes by size, and by a timer after its plugin returned", async () => {
  await using running = await fenced(`
    import { createBuffer } from '@posthog/plugin-contrib'
    import type { PluginMeta, PluginEvent } from '@posthog/plugin-scaffold'
    export function setupPlugin({ global }: PluginMeta) {
      global.buffer = createBuffer({
        limit: 1000,
        timeoutSeconds: 0.3,
        onFlush: async (batch) => console.log('flushed ' + batch.length),
      })
    }
    export function processEvent(event: PluginEvent, { global }: PluginMeta) {
      global.buffer.add(event, 400)
      return event
    }`);
  await running.run([1, 2, 3, 4, 5].map((number) => pluginEvent(number)));
  const flushed = () =>
    running.log.flatMap(({ message }) => /^flushed (\d+)$/.exec(message)?.[1] ?? []).map(Number);
  await eventually(() => flushed().reduce((sum, each) => sum + each, 0) === 5, running.logText);
  assert.deepEqual(flushed(), [2, 2, 1]);
});

Deno.test("a name that is unknown, or computed, gets the words of the server before", async () => {
  const answer = await answerOf(
    "",
    `const errorOf = (run) => { try { run() } catch (error) { return error.message } }
     const [known] = ['pg']
     return [errorOf(() => require('lodash')), errorOf(() => require(known))]`,
  );
  assert.deepEqual(answer, [
    "Cannot import 'lodash'! This package is not provided by PostHog in plugins.",
    "Cannot import 'pg'! This package is not provided by PostHog in plugins.",
  ]);
});

const NO_SQS = "AWS.SQS is not available to plugins: of aws-sdk there are S3 and STS";

Deno.test("services of aws-sdk that are there can be named in any way, and one that is not looked for", async () => {
  const answer = await answerOf(
    `import { S3 } from 'aws-sdk'
     import * as AWS from 'aws-sdk'
     import Whole from 'aws-sdk'
     // new AWS.SQS() would be an error`,
    `const name = "SQS"
     const made = [new S3({}), new AWS.STS({}), new Whole.S3({}), new AWS.Credentials("a", "b")]
     try { return new Whole[name]({}) } catch (error) { return [error.message, made.length] }`,
  );
  assert.deepEqual(answer, [NO_SQS, 4]);
});

/** What the log says of a plugin that would use something only if an event asked for it. */
async function loadFailure(top: string, use: string): Promise<string> {
  await using running = await fenced(
    `${top}
     export async function processEvent(event) {
       if (event.properties.never) ${use}
       return event
     }`,
  );
  await running.run([pluginEvent(1)]);
  assert.equal(running.loaded.size, 0);
  assert.equal(running.failures.length, 1);
  return running.logText();
}

for (
  const [how, top, use, message] of [
    ["an import", "import { SQS } from 'aws-sdk'", "new SQS({})", NO_SQS],
    ["all of it", "import * as AWS from 'aws-sdk'", "new AWS.SQS({})", NO_SQS],
    ["the default", "import AWS from 'aws-sdk'", "new AWS.SQS({})", NO_SQS],
    ["a require", "const AWS = require('aws-sdk')", "new AWS.SQS({})", NO_SQS],
    ["a part", "const { SQS } = require('aws-sdk')", "SQS", NO_SQS],
    [
      "a file of it",
      "",
      "require('aws-sdk/clients/sqs')",
      "Cannot import 'aws-sdk/clients/sqs'! This package is not provided by PostHog in plugins.",
    ],
    [
      "the version after",
      "import { SQSClient } from '@aws-sdk/client-sqs'",
      "new SQSClient({})",
      "Cannot import '@aws-sdk/client-sqs'! This package is not provided by PostHog in plugins.",
    ],
  ] as const
) {
  Deno.test(`a service of AWS that is not there, named by ${how}, is an error when the plugin is loaded`, async () => {
    const log = await loadFailure(top, use);
    assert.ok(log.includes(message), log);
  });
}
