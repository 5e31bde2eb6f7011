/**
 * Embedded or external storage. Decided once for a BASE_DIR and then written down there, so that a
 * database that is away for a moment never makes a server start a second, empty one.
 */
import { getLogger } from "@logtape/logtape";
import type { SettingName } from "./settings.ts";

export type StorageChoice = "embedded" | "external";

/** What the decision rests on. */
export interface StorageSituation {
  /** Settings that the environment defines. */
  readonly explicit: ReadonlySet<SettingName>;
  /** What was decided before, or null. */
  readonly recorded: StorageChoice | null;
  /** Whether somebody listens where Postgres and Redis do by default. */
  readonly postgresAnswers: boolean;
  readonly redisAnswers: boolean;
}

/** Ports probed on 127.0.0.1 before embedded storage is chosen. */
export const DEFAULT_PORTS = { postgres: 5432, redis: 6379 } as const;

/** The settings among these that say where events are stored. */
export function storageSettings(explicit: ReadonlySet<SettingName>): SettingName[] {
  return [...explicit].filter((name) =>
    name === "DATABASE_URL" || name === "REDIS_URL" || name.startsWith("POSTHOG_") ||
    name.startsWith("KAFKA_")
  );
}

/** The decision itself. */
export function decideStorage(situation: StorageSituation): StorageChoice {
  if (storageSettings(situation.explicit).length > 0) return "external";
  if (situation.recorded !== null) return situation.recorded;
  return situation.postgresAnswers || situation.redisAnswers ? "external" : "embedded";
}

/** Looks at the settings, the record in BASE_DIR and the default ports, and decides. */
export async function chooseStorage(
  options: { readonly baseDir: string; readonly explicit: ReadonlySet<SettingName> },
): Promise<StorageChoice> {
  const recorded = await recordedStorage(options.baseDir);
  const [postgresAnswers, redisAnswers] = await Promise.all([
    answers(DEFAULT_PORTS.postgres),
    answers(DEFAULT_PORTS.redis),
  ]);
  const { explicit } = options;
  const choice = decideStorage({ explicit, recorded, postgresAnswers, redisAnswers });
  if (choice === "external" && recorded === "embedded") {
    getLogger(["paddock", "storage"])
      .warn`${
      storageSettings(explicit).join(", ")
    } set: the embedded storage in ${options.baseDir}/.paddock is not used`;
  }
  return choice;
}

/** Writes the choice down for later starts, unless one stands there already. */
export async function recordStorage(baseDir: string, choice: StorageChoice): Promise<void> {
  if (await recordedStorage(baseDir) !== null) return;
  await Deno.mkdir(`${baseDir}/.paddock`, { recursive: true });
  await Deno.writeTextFile(recordPath(baseDir), `${JSON.stringify({ storage: choice })}\n`);
}

function recordPath(baseDir: string): string {
  return `${baseDir}/.paddock/storage.json`;
}

/** What was decided for this folder before, or null. */
export async function recordedStorage(baseDir: string): Promise<StorageChoice | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(recordPath(baseDir));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const { storage } = JSON.parse(text) as { storage?: unknown };
  if (storage === "embedded" || storage === "external") return storage;
  throw new Error(`${recordPath(baseDir)}: 'storage' must be embedded or external`);
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.close();
    return true;
  } catch {
    return false;
  }
}
