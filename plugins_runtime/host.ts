/**
 * The plugin host: a process of its own for one plugin, with no credentials and no permission but
 * its granted hosts. This isolate runs no plugin code. It relays frames between its standard input
 * and output and the worker in which the plugin lives, without looking into them.
 */
/** Granted `host:port` entries, as the server checked them; `*` is every public address. */
const granted = Deno.args[0] ? Deno.args[0].split(",") : [];
const net = granted.length === 0 ? false : granted.includes("*") ? true : granted;

const worker = new Worker(import.meta.resolve("./worker.ts"), {
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

const output = Deno.stdout.writable.getWriter();

worker.addEventListener("message", (message: MessageEvent<Uint8Array>) => {
  // What the worker sends is whole frames; the server checks them as everything that comes from here.
  output.write(message.data).catch(() => Deno.exit(1));
});

// An error that nobody caught in the worker would end this process without a word.
worker.addEventListener("error", (event) => {
  event.preventDefault();
  console.error(event.message);
  Deno.exit(70);
});

// In the chunks in which it comes: the worker puts the frames together.
for await (const chunk of Deno.stdin.readable) worker.postMessage(chunk, [chunk.buffer]);

// The server closed the pipe or is gone: nobody is left to work for.
Deno.exit(0);
