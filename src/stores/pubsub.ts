/** Messages between servers that share a store. Lost ones are possible: every user looks by itself too. */
export interface PubSub {
  /**
   * @param onMessage gets each payload; also called with an empty payload after a reconnect, when
   *   messages may have been missed
   * @returns ends the subscription
   */
  subscribe(channel: string, onMessage: (payload: string) => void): Promise<() => Promise<void>>;
  publish(channel: string, payload: string): Promise<void>;
  close(): Promise<void>;
}
