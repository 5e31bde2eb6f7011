/** The job queue that a server with the command's environment uses. */
import { JobQueue } from "../jobs/job_queue.ts";
import { JOB_SCHEMA, jobSchemaKind } from "../jobs/schema.ts";
import { Database } from "../stores/postgres/database.ts";
import type { CommandSession } from "./command_session.ts";

export interface CommandQueue extends AsyncDisposable {
  /** Null where no server has made it yet. */
  readonly queue: JobQueue | null;
  /** Whether it is in the database of the events. */
  readonly isShared: boolean;
}

/** Disposing closes what was opened. */
export async function openCommandQueue(
  { config, database, databaseUrl }: CommandSession,
): Promise<CommandQueue> {
  const url = config.JOB_QUEUE_GRAPHILE_URL;
  const own = url && url !== databaseUrl
    ? new Database({ connectionString: url, max: 1, applicationName: "paddock command" })
    : null;
  const close = async () => await own?.close();
  try {
    const jobs = own ?? database;
    const policies = {
      plugin: { attempts: config.JOB_ATTEMPTS, firstWaitSeconds: config.JOB_RETRY_SECONDS },
      export: { attempts: config.EXPORT_ATTEMPTS, firstWaitSeconds: config.EXPORT_RETRY_SECONDS },
    };
    const exists = await jobSchemaKind(jobs, JOB_SCHEMA) === "current";
    return {
      queue: exists ? new JobQueue(jobs, policies) : null,
      isShared: own === null,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
