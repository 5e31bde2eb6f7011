import type { Observer, StoreName } from "./observer.ts";

/** Tells how long a command of a store took, and whether it failed. @param tag bounded in number */
export async function timed<T>(
  observer: Pick<Observer, "queried">,
  store: StoreName,
  tag: string,
  ask: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  let failed = true;
  try {
    const answer = await ask();
    failed = false;
    return answer;
  } finally {
    observer.queried(store, tag, performance.now() - began, failed);
  }
}
