/** What `meta.cache` works on: texts and lists of texts under keys, some of which expire. */
export type CacheCommand =
  | { readonly op: "get" | "incr" | "llen"; readonly key: string }
  | {
    readonly op: "set";
    readonly key: string;
    readonly value: string;
    /** Null keeps it for good. */
    readonly ttlSeconds: number | null;
  }
  | { readonly op: "expire"; readonly key: string; readonly ttlSeconds: number }
  | { readonly op: "lpush"; readonly key: string; readonly values: readonly string[] }
  | { readonly op: "lrange"; readonly key: string; readonly start: number; readonly stop: number }
  | { readonly op: "lrem"; readonly key: string; readonly count: number; readonly value: string }
  | { readonly op: "lpop"; readonly key: string; readonly count: number };

/** As Redis answers the command of that name; an error is that command's alone. */
export type CacheResult =
  | { readonly ok: true; readonly value: string | number | readonly string[] | null }
  | { readonly ok: false; readonly error: string };

export interface PluginCache {
  /** All in order, in one round trip. Rejects with a retryable error when the store is away. */
  execute(commands: readonly CacheCommand[]): Promise<CacheResult[]>;
  close(): Promise<void>;
}
