/** The memory of a plugin process whose heap has no limit of its own. */

const LOOK_MS = 200;

/**
 * Ends the process when it has more memory than this. A program that starts itself cannot give its
 * process a limit of the heap, and sets this watch over all of its memory; what is taken faster than
 * it looks is limited by `ulimit -d`. It runs in the host's isolate, which no plugin code can keep
 * busy.
 */
export function watchMemory(residentMb: number): void {
  const timer = setInterval(() => {
    const mb = Deno.memoryUsage().rss / 1024 / 1024;
    if (mb <= residentMb) return;
    console.error(`heap out of memory: ${mb.toFixed(0)} MB of ${residentMb} MB`);
    Deno.exit(71);
  }, LOOK_MS);
  Deno.unrefTimer(timer);
}
