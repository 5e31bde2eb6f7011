import type { StoredBreaker } from "../breaker/breaker_table.ts";
import type { InstalledConfig } from "./installed_plugins.ts";

/** The breaker's word, or the last error of any of its configs. */
export function stateOf(
  configs: readonly Pick<InstalledConfig, "enabled" | "error">[],
  states: readonly StoredBreaker[],
): string {
  const [state] = states;
  if (state !== undefined) return `${state.state}: ${state.reason}`;
  const failed = configs.find(({ error }) => error !== null);
  return failed === undefined ? "ok" : `failed: ${String(failed.error?.message)}`;
}
