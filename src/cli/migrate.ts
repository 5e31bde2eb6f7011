import type { Config } from "../config/config.ts";
import { JOB_SCHEMA, jobSchemaKind, migrateJobSchema, upgradeJobSchema } from "../jobs/schema.ts";
import { migrateKafka } from "./migrate_kafka.ts";
import { openStorage } from "../storage.ts";
import { migrate } from "../stores/migrations/migrate.ts";
import { Database } from "../stores/postgres/database.ts";
import { createFirstProject } from "../stores/postgres/first_project.ts";

/**
 * Brings every table up to this version and says what it did. Safe to run again.
 * @param upgradesJobs also the schema of the server before, which that server cannot use afterwards
 */
export async function migrateMode(config: Config, upgradesJobs: boolean): Promise<number> {
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
    if (config.KAFKA_ENABLED) await migrateKafka(config);
    if (!config.JOB_QUEUES.includes("graphile")) {
      console.log("Job queue: 'graphile' is not in JOB_QUEUES, nothing to migrate.");
      return 0;
    }
    await migrateJobs(
      config.JOB_QUEUE_GRAPHILE_URL || storage.databaseUrl,
      config.JOB_QUEUE_GRAPHILE_SCHEMA ?? "graphile_worker",
      upgradesJobs,
    );
    return 0;
  } finally {
    await storage.close();
  }
}

async function migrateJobs(url: string, schema: string, upgrades: boolean): Promise<void> {
  await migrateJobSchema(url);
  console.log(`Job queue: schema ${JOB_SCHEMA} up to date.`);
  const database = new Database({
    connectionString: url,
    max: 1,
    applicationName: "paddock command",
  });
  try {
    if (await jobSchemaKind(database, schema) !== "before") return;
    if (upgrades) {
      await upgradeJobSchema(url, schema);
      console.log(
        `Job queue: schema ${schema} upgraded. The server before cannot use it any more.`,
      );
    } else {
      console.log(
        `Job queue: schema ${schema} is of the server before and left as it is; its jobs are run. ` +
          "To upgrade it beyond return: --migrate --upgrade-jobs",
      );
    }
  } finally {
    await database.close();
  }
}
