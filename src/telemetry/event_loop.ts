/** Says by how much timers are late, which is how long the server could not attend to anything. */
import type { Observer } from "./observer.ts";

const EVERY_MS = 500;

/** Begins at once. Returns what ends it. */
export function watchEventLoop(observer: Pick<Observer, "lagged">): () => void {
  let due = performance.now() + EVERY_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    observer.lagged(Math.max(0, now - due));
    due = now + EVERY_MS;
  }, EVERY_MS);
  return () => clearInterval(timer);
}
