import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/config.ts";
import { startServer } from "../server.ts";

/** Runs a server until a signal. Resolves with the exit code. */
export async function serve(config: Config): Promise<number> {
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
    const server = await startServer(config);
    hurry = () => server.hurry();
    if (server.firstProject !== null) announce(server.firstProject.apiToken, server.address);
    await stopped.promise;
    await server.stop();
    return 0;
  } finally {
    for (const name of names) Deno.removeSignalListener(name, onSignal);
  }
}

/** The one thing a new user has to know, on standard output. */
function announce(apiToken: string, address: string): void {
  console.log(`A first project was made. Its API key: ${apiToken}
Post an event to it:
  curl ${address}/e/ -d '{"api_key":"${apiToken}","event":"hello","distinct_id":"me"}'`);
}
