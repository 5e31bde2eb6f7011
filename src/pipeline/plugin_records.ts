/** What plugins say, on its way to where it is kept. */
export interface PluginRecords {
  /**
   * Resolves once all that was said so far is durable; at once where nothing was said. Rejects where
   * the store is away: what was said waits for it, and is asked for again.
   */
  settled(): Promise<void>;
}
