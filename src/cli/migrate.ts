import type { Config } from "../config/config.ts";
import { migrateJobSchema } from "../jobs/schema.ts";
import { openStorage } from "../storage.ts";
import { migrate } from "../stores/migrations/migrate.ts";
import { createFirstProject } from "../stores/postgres/first_project.ts";

/** Brings every table up to this version and says what it did. Safe to run again. */
export async function migrateMode(config: Config): Promise<number> {
  const storage = await openStorage(config, "command");
  try {
    console.log(`Storage: ${storage.description}`);
    const { applied, createdPosthogTables } = await migrate(storage.database);
    console.log(
      createdPosthogTables ? "PostHog's tables: created." : "PostHog's tables: there, not altered.",
    );
    if (createdPosthogTables || storage.kind === "embedded") {
      const project = await createFirstProject(storage.database);
      if (project !== null) {
        console.log(`A first project was made. Its API key: ${project.apiToken}`);
      }
    }
    console.log(`Paddock's tables: ${applied.length > 0 ? applied.join(", ") : "up to date"}.`);
    if (!config.JOB_QUEUES.includes("graphile")) {
      console.log("Job queue: 'graphile' is not in JOB_QUEUES, nothing to migrate.");
      return 0;
    }
    const schema = config.JOB_QUEUE_GRAPHILE_SCHEMA ?? "graphile_worker";
    const migrated = await migrateJobSchema(storage.database, {
      connectionString: config.JOB_QUEUE_GRAPHILE_URL || storage.databaseUrl,
      schema,
    });
    console.log(`Job queue: schema ${schema} ${migrated ? "up to date" : "left as it is"}.`);
    return 0;
  } finally {
    await storage.close();
  }
}
