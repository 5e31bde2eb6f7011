/**
 * The plugin host: a process of its own for one plugin, with no credentials and no permission but
 * its granted hosts. This isolate runs no plugin code. It hands what comes from the server to the
 * worker in which the plugin lives, which answers on standard output itself, and ends the process
 * with its worker or with the server, whatever the plugin is doing.
 */
import { FrameReader } from "./frame_reader.ts";

/** As much as a pipe holds. */
const READ_BYTES = 64 * 1024;

/** How long this isolate may wait for the server before it sees what else happened. */
const BLIND_MS = 100;

/**
 * @param args granted `host:port` entries as the server checked them, joined by commas (`*` is every
 *   public address); names of the bundled libraries that the plugin imports, joined by commas;
 *   `networked` where one of them needs a network of Node's kind
 * @param seal called when every file of the runtime was read, before anything of the plugin is
 * @param hasTimers whether this isolate has something to do while the server is silent
 */
export async function runHost(
  args: readonly string[],
  seal: () => void = () => {},
  hasTimers = false,
): Promise<void> {
  const [grants, names, network] = args;
  const granted = grants ? grants.split(",") : [];
  const worker = startWorker(
    network === "networked" ? "./networked_worker.ts" : "./plain_worker.ts",
    granted.length === 0 ? false : granted.includes("*") ? true : granted,
  );
  const loaded = isLoaded(worker);
  const libraries = names ? await libraryFrames(names.split(",")) : [];
  await loaded;
  seal();
  for (const frame of libraries) worker.postMessage(frame, [frame.buffer]);
  const reader = new FrameReader();
  const space = new Uint8Array(READ_BYTES);
  let looked = performance.now();
  for (;;) {
    // Waiting for the server is all that this isolate has to do, so it waits itself: a read by
    // another thread and a turn of the event loop are two more hops for each piece of a batch.
    const bytes = hasTimers ? await Deno.stdin.read(space) : Deno.stdin.readSync(space);
    if (bytes === null) break;
    for (const frame of reader.push(space.subarray(0, bytes))) {
      worker.postMessage(frame, [frame.buffer]);
    }
    if (performance.now() - looked < BLIND_MS) continue;
    // The end of the worker is an event. The server asks for signs of life, so this comes about.
    await new Promise((resolve) => setTimeout(resolve, 0));
    looked = performance.now();
  }
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

/** Only where there are some, as what takes them apart is a fifth of this process's start. */
async function libraryFrames(
  names: readonly string[],
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const { libraryFrame } = await import("./library_frame.ts");
  return names.map(libraryFrame);
}

if (import.meta.main) await runHost(Deno.args);
