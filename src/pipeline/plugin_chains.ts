/** What the pipeline knows of plugins. */

/** One event on its way into a team's plugins. */
export interface ChainInput {
  /** A PluginEvent as JSON text in UTF-8. */
  readonly text: Uint8Array;
  /** Chooses the worker, so that a person's events meet the same `global`. */
  readonly distinctId: string;
}

/** What the team's plugins made of one event. */
export interface ChainOutcome {
  /** The event as it left the last plugin; the very input text if nobody changed it; null if dropped. */
  readonly text: Uint8Array | null;
  /** `"Name (pluginConfigId)"` of every plugin that ran without error, in order. */
  readonly succeeded: readonly string[];
  /** The same for those that threw, timed out, crashed or were not available. */
  readonly failed: readonly string[];
}

/** The plugins of all teams, in a form the pipeline can send batches through. */
export interface PluginChains {
  /** True when at least one enabled plugin of the team processes events. Cheap: asked per batch. */
  has(teamId: number): boolean;
  /**
   * Sends events of one team through its plugins in order, a frame per plugin and batch.
   * Never rejects for what a plugin does. Outcomes are in input order. Calls for the same team may
   * overlap; each plugin still sees them in call order.
   */
  run(teamId: number, inputs: readonly ChainInput[]): Promise<ChainOutcome[]>;
}
