import { loadConfig } from "../config/config.ts";
import { configureLogging } from "../telemetry/log.ts";
import { serve } from "./serve.ts";

export async function main(_argv: readonly string[], env: Record<string, string>): Promise<number> {
  const config = loadConfig(env);
  await configureLogging({ level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  return await serve(config);
}
