/** A server that speaks S3, on loopback, with its objects in a temporary folder. */
import { Buffer } from "node:buffer";
import S3rver from "s3rver";

export interface S3Server extends AsyncDisposable {
  readonly port: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Key → contents of every object in a bucket. */
  objects(bucket: string): Promise<ReadonlyMap<string, Buffer>>;
}

export async function startS3(bucket: string): Promise<S3Server> {
  const directory = await Deno.makeTempDir({ prefix: "paddock-s3-" });
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: bucket, configs: [] }],
  });
  const { port } = await server.run();
  return {
    port,
    // The only ones that this server knows.
    accessKeyId: "S3RVER",
    secretAccessKey: "S3RVER",
    objects: (name) => readObjects(`${directory}/${name}`),
    async [Symbol.asyncDispose]() {
      await server.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** The server keeps each object in a file named after its key. */
async function readObjects(folder: string, prefix = ""): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      for (const [key, contents] of await readObjects(path, `${prefix}${name}/`)) {
        found.set(key, contents);
      }
    } else if (name.endsWith("._S3rver_object")) {
      const key = prefix + name.slice(0, -"._S3rver_object".length);
      found.set(key, Buffer.from(await Deno.readFile(path)));
    }
  }
  return found;
}
