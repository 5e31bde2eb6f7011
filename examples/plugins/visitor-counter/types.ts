/** What of the server's types this plugin uses. They vanish when the plugin is loaded. */
export interface PluginEvent {
  event: string;
  distinct_id: string;
  properties?: Record<string, unknown>;
}

export interface Meta {
  config: { property: string; events: string };
  global: { counted: Set<string> };
  cache: { incr(key: string): Promise<number> };
  storage: {
    get(key: string, defaultValue: unknown): Promise<unknown>;
    set(key: string, value: unknown): Promise<void>;
  };
}
