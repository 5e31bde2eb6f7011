import { type Config, type Environment, loadConfig } from "../config/config.ts";
import { errorMessage, PaddockError } from "../errors.ts";
import { configureLogging } from "../telemetry/log.ts";
import { SecretValues } from "../telemetry/secret_values.ts";
import type { Sentry } from "../telemetry/sentry.ts";
import { VERSION } from "../version.ts";
import { modeOf, upgradesJobs } from "./command_line.ts";
import { helpText } from "./help.ts";

const VERSION_LINE = `Paddock v${VERSION}`;

/**
 * Runs what the command line asks for.
 * @returns the exit code: 0; 1 where it failed; 2 where it was used or configured wrongly
 */
export async function main(argv: readonly string[], environment: Environment): Promise<number> {
  try {
    return await run(argv, environment);
  } catch (error) {
    console.error(`paddock: ${errorMessage(error)}`);
    if (!(error instanceof PaddockError)) throw error;
    console.error(`${error.hint} (${error.code})`);
    return error.kind === "usage" || error.code === "PDK_CONFIG_INVALID" ? 2 : 1;
  }
}

// Modes are imported when they are asked for: help and version are there at once.
async function run(argv: readonly string[], environment: Environment): Promise<number> {
  const mode = modeOf(argv);
  if (mode === "command") {
    const { runCommand } = await import("./commands.ts");
    return await runCommand(argv, environment);
  }
  if (mode === "help") {
    console.log(`${VERSION_LINE}\n\n${helpText()}`);
    return 0;
  }
  console.log(VERSION_LINE);
  if (mode === "version") return 0;
  const config = loadConfig(environment);
  const reports = await openReports(config);
  const secrets = new SecretValues();
  const flushLog = await configureLogging({
    mask: secrets.mask,
    level: config.LOG_LEVEL,
    format: config.LOG_FORMAT,
    ...(reports === null ? {} : { also: reports }),
  });
  try {
    return await runMode(mode, argv, config, secrets);
  } finally {
    flushLog();
    await reports?.close();
  }
}

/** Where SENTRY_DSN is not set, nothing of Sentry is loaded. */
async function openReports(config: Config): Promise<Sentry | null> {
  if (!config.SENTRY_DSN) return null;
  const { Sentry } = await import("../telemetry/sentry.ts");
  try {
    return new Sentry(config.SENTRY_DSN, VERSION);
  } catch (error) {
    throw new PaddockError("PDK_CONFIG_INVALID", `SENTRY_DSN: ${errorMessage(error)}`);
  }
}

async function runMode(
  mode: ReturnType<typeof modeOf>,
  argv: readonly string[],
  config: Config,
  secrets: SecretValues,
): Promise<number> {
  if (mode === "healthcheck") {
    const { healthcheck } = await import("./healthcheck.ts");
    return await healthcheck(config);
  }
  if (mode === "migrate") {
    const { migrateMode } = await import("./migrate.ts");
    return await migrateMode(config, upgradesJobs(argv));
  }
  if (mode === "idle" || config.PLUGIN_SERVER_IDLE) {
    const { idle } = await import("./idle.ts");
    return await idle();
  }
  const { serve } = await import("./serve.ts");
  return await serve(config, secrets);
}
