/** Events, people and dead letters. */
import { Hono } from "hono";
import * as v from "valibot";
import { replayDeadLetters } from "../../dead_letters/replay.ts";
import { PaddockError } from "../../errors.ts";
import { DeadLetters } from "../../stores/postgres/dead_letters.ts";
import { latestEvents, latestPersons } from "../../stores/postgres/events/latest_events.ts";
import type { ConsoleEnv } from "../console_env.ts";
import type { ConsoleParts } from "../console_parts.ts";
import { body, neededQueryId, queryId } from "./input.ts";

const ROWS = 50;
const letterId = v.pipe(v.string(), v.regex(/^\d{1,18}$/));
const SOME_LETTERS = v.object({ ids: v.pipe(v.array(letterId), v.minLength(1)) });

export function eventRoutes(parts: ConsoleParts): Hono<ConsoleEnv> {
  const { database } = parts;
  const letters = new DeadLetters();
  const app = new Hono<ConsoleEnv>();

  app.get("/events", async (c) => {
    const [teamId, afterId] = [neededQueryId(c, "team"), queryId(c, "after")];
    const distinctIds = c.req.queries("distinctId");
    const filter = {
      teamId,
      ...afterId === undefined ? {} : { afterId },
      ...distinctIds === undefined ? {} : { distinctIds },
    };
    return c.json(await latestEvents(database, filter, ROWS));
  });

  app.get("/tail", async (c) => {
    const id = v.parse(v.pipe(v.string(), v.uuid()), c.req.query("id"));
    const after = Number(c.req.query("after")) || 0;
    return c.json(await parts.tails.lines(id, neededQueryId(c, "team"), after));
  });

  app.get("/persons", async (c) =>
    c.json(
      await latestPersons(database, neededQueryId(c, "team"), c.req.query("text") ?? "", ROWS),
    ));

  app.get("/dead-letters", async (c) => {
    const teamId = queryId(c, "team");
    const before = c.req.query("before");
    return c.json(
      await letters.list(database, teamId === undefined ? {} : { teamId }, {
        limit: ROWS,
        ...before === undefined ? {} : { before: v.parse(letterId, before) },
      }),
    );
  });

  app.get("/dead-letters/:id", async (c) => {
    const letter = await letters.show(database, v.parse(letterId, c.req.param("id")));
    if (letter === null) throw new PaddockError("PDK_USAGE", "that dead letter is gone");
    return c.json(letter);
  });

  app.post("/dead-letters/replay", async (c) => {
    const { ids } = await body(c, SOME_LETTERS);
    const { jobs } = parts;
    return c.json(await replayDeadLetters({ database, letters, jobs }, { ids }));
  });

  app.post("/dead-letters/purge", async (c) => {
    const { ids } = await body(c, SOME_LETTERS);
    return c.json({ removed: await letters.remove(database, { ids }) });
  });
  return app;
}
