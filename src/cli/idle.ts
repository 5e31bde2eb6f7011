/** How often it says that it does nothing. */
const REPEAT_MS = 30_000;

/** Does nothing until a signal: for deployments that want the process but not its work. */
export async function idle(): Promise<number> {
  const stopped = Promise.withResolvers<void>();
  const stop = () => stopped.resolve();
  const say = () => console.log("Idle: connected to nothing, doing nothing until a signal.");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, stop);
  }
  say();
  const timer = setInterval(say, REPEAT_MS);
  await stopped.promise;
  clearInterval(timer);
  return 0;
}
