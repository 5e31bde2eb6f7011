/** Libraries' own TLS, through the gateway: a certificate counts as it does anywhere. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { createTestDatabase } from "../services/database.ts";
import { startHttp } from "./http_server.ts";
import { answerOf } from "./library_run.ts";

const read = (name: string) =>
  Deno.readTextFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));
const TLS = { key: read("key"), cert: read("certificate") };

/** What stands before Postgres and speaks TLS for it, as its protocol has it. */
async function startTlsPostgres(port: number) {
  const sockets = new Set<Socket>();
  const join = (one: Socket, other: Socket) => {
    for (const [from, to] of [[one, other], [other, one]] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  };
  const secure = createTlsServer(
    TLS,
    (client) => join(client, connect(port, "127.0.0.1")),
  );
  const plain = createServer((client) => {
    client.once("data", () => {
      // It asks whether there is TLS: S is yes.
      client.write("S");
      join(client, connect(portOf(secure), "127.0.0.1"));
    });
  });
  for (const server of [secure, plain]) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }
  return {
    port: portOf(plain),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      for (const server of [plain, secure]) {
        await new Promise<void>((resolve) => server.close(() => resolve()));
      }
    },
  };
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

Deno.test("pg over TLS: unchecked as some configs want it, checked by a CA, refused without", async () => {
  await using target = await createTestDatabase();
  const url = new URL(target.url);
  await using proxy = await startTlsPostgres(Number(url.port));
  url.port = String(proxy.port);
  const answer = await answerOf(
    `import { Client } from 'pg'`,
    `const query = async (ssl) => {
       const client = new Client({ connectionString: meta.config.url, ssl })
       client.on('error', () => {})
       try {
         await client.connect()
         const { rows } = await client.query('SELECT 6 * 7 AS n')
         await client.end()
         return rows[0].n
       } catch (error) { return error.code ?? error.message }
     }
     return [
       await query({ rejectUnauthorized: false }),
       await query({ ca: meta.config.ca }),
       await query(true),
     ]`,
    { config: { url: url.href, ca: TLS.cert }, grants: [`127.0.0.1:${proxy.port}`] },
  );
  assert.deepEqual(answer, [42, 42, "DEPTH_ZERO_SELF_SIGNED_CERT"]);
});

Deno.test("S3 over TLS: a certificate that nobody vouches for is refused", async () => {
  await using server = await startHttp(() => ({ body: "" }), TLS);
  const answer = await answerOf(
    `import { S3 } from 'aws-sdk'`,
    `const s3 = new S3({
       endpoint: meta.config.url, accessKeyId: 'a', secretAccessKey: 'b', s3ForcePathStyle: true, maxRetries: 0,
     })
     return await s3.putObject({ Bucket: 'b', Key: 'k', Body: 'x' }).promise().then(() => 'stored', (error) => error.message)`,
    { config: { url: `https://127.0.0.1:${server.port}` }, grants: [`127.0.0.1:${server.port}`] },
  );
  assert.equal(answer, "self-signed certificate");
  assert.equal(server.received.length, 0);
});

Deno.test("Google's libraries ask for their token where it was granted, and say so where it was not", async () => {
  const answer = await answerOf(
    `import { BigQuery } from '@google-cloud/bigquery'
     import { generateKeyPairSync } from 'crypto'`,
    `const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
     const client = new BigQuery({
       projectId: 'p',
       autoRetry: false,
       credentials: {
         client_email: 'a@example.com',
         private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
       },
     })
     return await client.authClient.getAccessToken().then(() => 'a token', (error) => error.message)`,
    { grants: ["127.0.0.1:9"] },
  );
  assert.match(
    String(answer),
    /www\.googleapis\.com:443 failed: it was not granted\. To allow it: paddock plugins grant 1 /,
  );
});
