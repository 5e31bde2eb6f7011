/**
 * The plugin host: a process of its own for one plugin, with no credentials and no permission but
 * its granted hosts. This isolate runs no plugin code. It hands what comes from the server to the
 * worker in which the plugin lives, which answers on standard output itself, and ends the process
 * with its worker or with the server, whatever the plugin is doing.
 */
import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { encodeFrame, FrameType } from "./frames.ts";

/**
 * @param args granted `host:port` entries as the server checked them, joined by commas (`*` is every
 *   public address); names of the bundled libraries that the plugin imports, joined by commas;
 *   `networked` where one of them needs a network of Node's kind
 * @param seal called when every file of the runtime was read, before anything of the plugin is
 */
export async function runHost(args: readonly string[], seal: () => void = () => {}): Promise<void> {
  const [grants, names, network] = args;
  const granted = grants ? grants.split(",") : [];
  const libraries = (names ? names.split(",") : []).map(libraryFrame);
  const worker = startWorker(
    network === "networked" ? "./networked_worker.ts" : "./plain_worker.ts",
    granted.length === 0 ? false : granted.includes("*") ? true : granted,
  );
  await isLoaded(worker);
  seal();
  for (const frame of libraries) worker.postMessage(frame, [frame.buffer]);
  // In the chunks in which it comes: the worker puts the frames together.
  for await (const chunk of Deno.stdin.readable) worker.postMessage(chunk, [chunk.buffer]);
  // The server closed the pipe or is gone: nobody is left to work for.
  Deno.exit(0);
}

function startWorker(module: string, net: boolean | string[]): Worker {
  const worker = new Worker(import.meta.resolve(module), {
    type: "module",
    deno: {
      // Each named, as one that is left out would be inherited. The process has no more than these
      // and the reading of its own runtime files, which the worker does not get.
      permissions: {
        net,
        read: false,
        write: false,
        env: false,
        run: false,
        sys: false,
        ffi: false,
        import: false,
      },
    },
  });
  // An error that nobody caught in the worker would end this process without a word.
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    console.error(event.message);
    Deno.exit(70);
  });
  return worker;
}

/** Resolves with the one message that the worker sends this isolate: it has all of its modules. */
async function isLoaded(worker: Worker): Promise<void> {
  await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
}

function libraryFrame(name: string): Uint8Array<ArrayBuffer> {
  const file = `./libraries/${name.replace(/^@/, "").replace("/", "-")}.js.br`;
  const text = brotliDecompressSync(Deno.readFileSync(new URL(file, import.meta.url)));
  return encodeFrame(FrameType.Library, 0, Buffer.concat([Buffer.from(`${name}\n`), text]));
}

if (import.meta.main) await runHost(Deno.args);
