/** `paddock status`: how the running servers are. */
import type { Command } from "commander";
import { ServerStatusTable } from "../stores/postgres/server_status.ts";
import type { ServerStatus } from "../telemetry/server_status.ts";
import { asJson, columns, printableLine } from "./command_output.ts";
import { JSON_OPTION, type RunInSession } from "./command_session.ts";

export function addStatusCommand(program: Command, run: RunInSession): void {
  program.command("status")
    .description("how the running servers are, how far behind, and what is not well since when")
    .option(...JSON_OPTION)
    .action((options: { readonly json?: true }) =>
      run(async ({ database, output }) => {
        const servers = await new ServerStatusTable<ServerStatus>(database).all();
        if (options.json) return output.print(asJson(servers));
        if (servers.length === 0) return output.print("No server runs.");
        output.print(servers.map(shownServer).join("\n\n"));
      })
    );
}

function shownServer(server: ServerStatus): string {
  const { health, events, sources, jobs, plugins } = server;
  const unwell = Object.entries(health.parts).filter(([, { isWell }]) => !isWell);
  const lines = [
    `${server.address}  version ${server.version}, since ${server.startedAt.slice(0, 19)}Z, ` +
    `${megabytes(server.memoryBytes)}: ${health.ready ? "ready" : "NOT READY"}`,
    ...unwell.map(([name, { reason, since, isNeeded }]) =>
      `  ${isNeeded ? "!" : "-"} ${name}, since ${since.slice(0, 19)}Z: ${
        printableLine(reason ?? "")
      }`
    ),
    `  events: ${events.stored} stored, ${events.repeated} repeated, ${events.dropped} dropped, ` +
    `${server.inFlight.events} on their way`,
    ...sources.map(({ name, waiting, eventsPerSecond }) =>
      `  ${name}: ${waiting ?? "?"} wait, ${eventsPerSecond}/s`
    ),
  ];
  if (jobs !== null) lines.push(`  jobs: ${jobs.waiting} wait, ${jobs.dead} dead`);
  const troubled = plugins.filter(({ state }) => state !== "healthy");
  lines.push(`  plugins: ${plugins.length}${troubled.length === 0 ? "" : ", of which"}`);
  if (troubled.length > 0) {
    const rows = troubled.map(({ id, name, state }) => [String(id), state, name]);
    lines.push(
      ...columns(["id", "state", "plugin"], rows).split("\n").map((line) => `    ${line}`),
    );
  }
  return lines.join("\n");
}

/** `123 MB` */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
