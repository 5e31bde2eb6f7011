/** What can be put into the job queue. */

/** When a job is due: at a moment, or after so long by the queue's clock; neither is at once. */
export interface JobDue {
  readonly dueAtMs?: number;
  readonly dueInMs?: number;
}

/** A job of a plugin: a function of its `jobs`. */
export interface NewPluginJob extends JobDue {
  readonly kind: "plugin";
  readonly teamId: number;
  readonly configId: number;
  readonly name: string;
  /** JSON text, or null for none. */
  readonly payload: string | null;
}

/** A batch of events that `exportEvents` could not export yet. */
export interface NewExportJob extends JobDue {
  readonly kind: "export";
  readonly teamId: number;
  readonly configId: number;
  /** The events' JSON texts. */
  readonly texts: readonly Uint8Array[];
  /** Why it was not exported so far. */
  readonly reason: string;
  /** True where only an operator tries it again. */
  readonly isDead: boolean;
}

/** A request to a webhook or a REST hook of an action. */
export interface NewHookJob extends JobDue {
  readonly kind: "hook";
  readonly teamId: number;
  readonly actionId: number;
  readonly name: "webhook" | "REST hook";
  /** Where it is sent. */
  readonly target: string;
  /** Of the REST hook; null for a webhook. */
  readonly hookId: string | null;
  /** JSON text. */
  readonly body: string;
  /** How often it is tried at most. */
  readonly attempts: number;
}

/** A job of a plugin config. */
export type ConfigJob = NewPluginJob | NewExportJob;

export type NewJob = ConfigJob | NewHookJob;

/** Takes jobs of plugin configs. */
export interface JobSink {
  /**
   * Resolves once all are durable; one statement, however many they are.
   * @throws PaddockError PDK_DATABASE_UNAVAILABLE
   */
  enqueue(jobs: readonly ConfigJob[]): Promise<void>;
}
