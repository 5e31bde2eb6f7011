/**
 * The plugin host: a process of its own for one plugin, with no credentials and no permission but
 * its granted hosts. This isolate runs no plugin code. It hands what comes from the server to the
 * worker in which the plugin lives, which answers on standard output itself, and ends the process
 * with its worker or with the server, whatever the plugin is doing.
 */
import { Buffer } from "node:buffer";
import { brotliDecompressSync } from "node:zlib";
import { encodeFrame, FrameType } from "./frames.ts";

/** Granted `host:port` entries, as the server checked them; `*` is every public address. */
const granted = Deno.args[0] ? Deno.args[0].split(",") : [];
const net = granted.length === 0 ? false : granted.includes("*") ? true : granted;

/** The libraries that the plugin imports, of those that the server knows. */
const libraries = Deno.args[1] ? Deno.args[1].split(",") : [];
/** Whether one of them needs a network of Node's kind. */
const isNetworked = Deno.args[2] === "networked";

const worker = new Worker(
  import.meta.resolve(isNetworked ? "./networked_worker.ts" : "./plain_worker.ts"),
  {
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
  },
);

// An error that nobody caught in the worker would end this process without a word.
worker.addEventListener("error", (event) => {
  event.preventDefault();
  console.error(event.message);
  Deno.exit(70);
});

for (const name of libraries) {
  const file = `./libraries/${name.replace(/^@/, "").replace("/", "-")}.js.br`;
  const text = brotliDecompressSync(Deno.readFileSync(new URL(file, import.meta.url)));
  const head = Buffer.from(`${name}\n`);
  const frame = encodeFrame(FrameType.Library, 0, Buffer.concat([head, text]));
  worker.postMessage(frame, [frame.buffer]);
}

// In the chunks in which it comes: the worker puts the frames together.
for await (const chunk of Deno.stdin.readable) worker.postMessage(chunk, [chunk.buffer]);

// The server closed the pipe or is gone: nobody is left to work for.
Deno.exit(0);
