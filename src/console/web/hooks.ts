/** What the pages share: the address, data that is asked for again and again, and words of success. */
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useState } from "preact/hooks";
import { get, Refused } from "./api.ts";

/** The parts of the address behind `#/`. */
export function useRoute(): readonly string[] {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = () => setRoute(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export interface Asked<Answer> {
  readonly data: Answer | null;
  readonly error: string | null;
  /** Asks again now. */
  readonly again: () => void;
}

/**
 * Asks the server, and again after each pause while the page is seen.
 * @param everyMs 0 asks once
 */
export function useAsked<Answer>(path: string, everyMs = 0): Asked<Answer> {
  const [state, setState] = useState<
    { path: string; data: Answer | null; error: string | null }
  >({ path, data: null, error: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      if (document.visibilityState === "visible") {
        try {
          const data = await get<Answer>(path, ended.signal);
          setState({ path, data, error: null });
        } catch (error) {
          if (ended.signal.aborted) return;
          const message = error instanceof Error ? error.message : String(error);
          setState((before) => ({
            path,
            data: before.path === path ? before.data : null,
            error: message,
          }));
        }
      }
      if (everyMs > 0 && !ended.signal.aborted) timer = setTimeout(ask, everyMs);
    };
    ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, round]);
  const again = useCallback(() => setRound((before) => before + 1), []);
  // What another address answered is not this one's answer.
  return state.path === path ? { ...state, again } : { data: null, error: null, again };
}

/** Says something to the person. */
export type Say = (text: string, isError?: boolean) => void;
export const SayContext = createContext<Say>(() => {});

/**
 * Something a person does: says how it went.
 * @returns the action, and whether it is under way
 */
export function useAction<Parameters extends unknown[]>(
  action: (...parameters: Parameters) => Promise<string | void>,
): [(...parameters: Parameters) => Promise<Refused | null>, boolean] {
  const say = useContext(SayContext);
  const [busy, setBusy] = useState(false);
  const run = async (...parameters: Parameters) => {
    setBusy(true);
    try {
      const words = await action(...parameters);
      if (words) say(words);
      return null;
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(0, String(error));
      say(refused.message, true);
      return refused;
    } finally {
      setBusy(false);
    }
  };
  return [run, busy];
}
