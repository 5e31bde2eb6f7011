import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/config.ts";
import { type Server, startServer } from "../server.ts";
import type { SecretValues } from "../telemetry/secret_values.ts";

/** How long a server that did nothing may take to stop. */
const STALE_STOP_MS = 60_000;

/**
 * Runs a server until a signal. Resolves with the exit code: 1 where it is to be started again, as
 * it did nothing for too long.
 * @param secrets what the log is not to show; kept in step by the server
 */
export async function serve(config: Config, secrets: SecretValues): Promise<number> {
  const log = getLogger(["paddock", "server"]);
  const stopped = Promise.withResolvers<void>();
  let signals = 0;
  let hurry: () => void = () => {};
  const onSignal = () => {
    signals++;
    if (signals === 1) {
      log.info`stopping: a second signal hurries, a third kills`;
      stopped.resolve();
    } else if (signals === 2) {
      log.warn`hurrying: unfinished events are given back`;
      hurry();
    } else {
      Deno.exit(1);
    }
  };
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) Deno.addSignalListener(name, onSignal);
  try {
    const server = await startServer(config, secrets);
    hurry = () => server.hurry();
    if (server.firstProject !== null) announce(server.firstProject.apiToken, server);
    const idleMs = await Promise.race([stopped.promise, server.stale]);
    if (typeof idleMs === "number") {
      log.error`nothing was done for ${
        Math.round(idleMs / 1000)
      } s (STALENESS_RESTART_SECONDS): stopping, to be started again`;
      // What keeps it from working may keep it from stopping.
      Deno.unrefTimer(setTimeout(() => Deno.exit(1), STALE_STOP_MS));
    }
    await server.stop();
    return typeof idleMs === "number" ? 1 : 0;
  } finally {
    for (const name of names) Deno.removeSignalListener(name, onSignal);
  }
}

/** The one thing a new user has to know, on standard output. */
function announce(
  apiToken: string,
  { address, console: page }: Pick<Server, "address" | "console">,
): void {
  if (page !== null) console.log(`The console: ${page}`);
  console.log(`A first project was made. Its API key: ${apiToken}
Post an event to it:
  curl ${address}/e/ -d '{"api_key":"${apiToken}","event":"hello","distinct_id":"me"}'`);
}
