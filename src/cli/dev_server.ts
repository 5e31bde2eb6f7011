/**
 * `deno task dev`: runs the server with PLUGIN_WATCH=print, and starts it again when a file of its
 * own is saved. It is stopped as an operator would, so that its storage is closed before the next
 * one opens it.
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = ["src", "plugins_runtime", "main.ts", "deno.json"].map((path) => `${ROOT}${path}`);
const SETTLE_MS = 150;
/** A server that does not stop is ended. */
const PATIENCE_MS = 15_000;

function start(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=server", `${ROOT}main.ts`, ...Deno.args],
    env: { PLUGIN_WATCH: Deno.env.get("PLUGIN_WATCH") ?? "print" },
    cwd: Deno.cwd(),
  }).spawn();
}

async function stop(server: Deno.ChildProcess): Promise<void> {
  const signal = (name: Deno.Signal) => {
    try {
      server.kill(name);
    } catch {
      // It has ended by itself.
    }
  };
  signal("SIGTERM");
  const timer = setTimeout(() => signal("SIGKILL"), PATIENCE_MS);
  await server.status;
  clearTimeout(timer);
}

/** Resolves with what was saved, once it is quiet. */
async function nextChange(watcher: Deno.FsWatcher): Promise<string> {
  for await (const { kind, paths } of watcher) {
    const [path] = paths.filter((each) => /\.(?:ts|tsx|css|html|svg|sql|lua|json)$/.test(each));
    if (kind === "access" || path === undefined) continue;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return path.slice(ROOT.length);
  }
  return "";
}

if (import.meta.main) {
  let server = start();
  let ended = false;
  const end = async (forward: boolean) => {
    if (ended) return;
    ended = true;
    // Ctrl-C reaches the server by itself: both are in the terminal's foreground.
    if (forward) await stop(server);
    Deno.exit((await server.status).code);
  };
  Deno.addSignalListener("SIGINT", () => end(false));
  Deno.addSignalListener("SIGTERM", () => end(true));
  while (!ended) {
    const watcher = Deno.watchFs(SOURCES);
    const changed = await nextChange(watcher);
    watcher.close();
    if (ended) break;
    console.error(`${changed} was saved: the server is started again`);
    await stop(server);
    server = start();
  }
}
