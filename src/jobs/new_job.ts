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

export type NewJob = NewPluginJob | NewExportJob;

/** Takes jobs. */
export interface JobSink {
  /**
   * Resolves once all are durable; one statement, however many they are.
   * @throws PaddockError PDK_DATABASE_UNAVAILABLE
   */
  enqueue(jobs: readonly NewJob[]): Promise<void>;
}
