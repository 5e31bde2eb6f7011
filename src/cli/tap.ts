/** `paddock tap`: events as they pass, before and after each plugin. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { PostgresPubSub } from "../stores/postgres/pubsub.ts";
import {
  TAP_CHANNEL,
  TAP_EXPIRES_MS,
  type TapLine,
  type TapRequest,
} from "../telemetry/event_tap.ts";
import { printableLine } from "./command_output.ts";
import {
  type CommandSession,
  JSON_OPTION,
  type RunInSession,
  TEAM_OPTION,
  wholeNumber,
} from "./command_session.ts";

interface TapOptions {
  readonly team?: number;
  readonly event?: string;
  readonly distinctId?: string;
  readonly plugin?: string;
  readonly sample?: number;
  readonly most: number;
  readonly number?: number;
  readonly json?: true;
}

/** Of properties, on one line. */
const SHOWN_PROPERTIES = 300;

export function addTapCommand(program: Command, run: RunInSession): void {
  program.command("tap")
    .description("events as they pass all servers, before and after each plugin, until interrupted")
    .option(TEAM_OPTION, "of this team only", wholeNumber("--team", 1))
    .option("--event <name>", "of this name only")
    .option("--distinct-id <id>", "of this person only")
    .option("--plugin <name>", "only what this plugin was given and what it made of it")
    .option("--sample <share>", "so many of the events, from 0 to 1; all points of each", share)
    .option("--most <count>", "lines a second, of each server", wholeNumber("--most", 1), 50)
    .option("-n, --number <count>", "end after so many lines", wholeNumber("--number", 1))
    .option(...JSON_OPTION)
    .action((options: TapOptions) => run((session) => tap(session, options)));
}

async function tap({ database, output }: CommandSession, options: TapOptions): Promise<void> {
  const { number = Infinity, json, ...filters } = options;
  const request: TapRequest = { id: randomUUID(), ...filters };
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, end);
  const pubsub = new PostgresPubSub(database);
  let lines = 0;
  try {
    await pubsub.subscribe(`${TAP_CHANNEL}_${request.id}`, (payload) => {
      // Word of a reconnect is empty.
      if (payload === "" || ended.signal.aborted) return;
      output.print(json ? payload : shown(JSON.parse(payload)));
      if (++lines >= number) end();
    });
    if (!json) output.complain("listening; Ctrl-C ends it");
    while (!ended.signal.aborted) {
      await pubsub.publish(TAP_CHANNEL, JSON.stringify(request));
      await sleep(TAP_EXPIRES_MS / 3, undefined, { signal: ended.signal }).catch(() => {});
    }
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, end);
    await pubsub.close();
  }
}

function shown(line: TapLine): string {
  const skipped = line.skipped === undefined ? "" : `… ${line.skipped} lines were left out\n`;
  const words = [
    line.at.slice(11, 23),
    `team ${line.team}`,
    line.event,
    line.distinctId,
    line.uuid,
    line.outcome === undefined ? line.point : `${line.point}: ${line.outcome}`,
    line.isCut ? `${line.properties}…` : line.properties,
  ];
  return skipped + words.map((word) => printableLine(word, SHOWN_PROPERTIES)).join("  ");
}

/** @throws PaddockError PDK_USAGE */
function share(text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && number > 0 && number <= 1) return number;
  throw new PaddockError("PDK_USAGE", `--sample: '${text}' is not a number above 0 and up to 1`);
}
