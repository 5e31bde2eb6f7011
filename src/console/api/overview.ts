/** How the server is, its numbers, its teams and its settings. */
import { Hono } from "hono";
import * as v from "valibot";
import { redactedConfig } from "../../config/config.ts";
import { defaultText, type Setting } from "../../config/setting.ts";
import { type SettingName, SETTINGS } from "../../config/settings.ts";
import { allTeams } from "../../stores/postgres/all_teams.ts";
import { createTeam } from "../../stores/postgres/new_team.ts";
import { VERSION } from "../../version.ts";
import type { ConsoleEnv } from "../console_env.ts";
import type { ConsoleParts } from "../console_parts.ts";
import { body } from "./input.ts";

/** Counted up to here: nobody needs to know of more, and a count of all takes its time. */
const MAX_LETTERS = 1_000;

export function overviewRoutes(parts: ConsoleParts): Hono<ConsoleEnv> {
  const { database, sampler } = parts;
  const app = new Hono<ConsoleEnv>();
  app.get("/overview", async (c) => {
    const [row] = await database.query<{ letters: number; servers: number }>(
      `SELECT
         (SELECT count(*) FROM (SELECT FROM paddock.dead_letter LIMIT $1) AS letter)::int AS letters,
         (SELECT count(*) FROM paddock.server WHERE expires_at > now())::int AS servers`,
      [MAX_LETTERS],
    );
    return c.json({
      samples: sampler.samples(Number(c.req.query("since")) || 0),
      health: parts.health(),
      deadLetters: row?.letters ?? 0,
      servers: row?.servers ?? 0,
      storage: parts.storage,
      startedAt: parts.startedAt,
      version: VERSION,
    });
  });
  app.get("/teams", async (c) => c.json(await allTeams(database)));
  app.post("/teams", async (c) => {
    const schema = v.object({ name: v.string(), organization: v.nullable(v.string()) });
    const { name, organization } = await body(c, schema);
    return c.json(await createTeam(database, name, organization));
  });
  app.get("/settings", (c) => {
    const values = redactedConfig(parts.config);
    return c.json(
      (Object.entries(SETTINGS) as [SettingName, Setting][]).map(([name, setting]) => ({
        name,
        group: setting.group,
        description: setting.description,
        value: shownValue(values[name]),
        default: defaultText(setting),
        origin: parts.config.explicit.has(name) ? "environment" : "default",
      })),
    );
  });
  return app;
}

function shownValue(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  return value === null || value === undefined ? "" : String(value);
}
