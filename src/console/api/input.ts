/** What requests carry, checked. */
import type { Context } from "hono";
import * as v from "valibot";
import { PaddockError } from "../../errors.ts";

/** A number of a row of the tables. */
export const rowId = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31 - 1));

/** The body of a request. */
export async function body<Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  return v.parse(schema, await c.req.json());
}

/** The row that a path names. */
export function pathId(c: Context): number {
  return v.parse(rowId, Number(c.req.param("id")));
}

/** A row that a query may name. */
export function queryId(c: Context, name: string): number | undefined {
  const text = c.req.query(name);
  return text === undefined || text === "" ? undefined : v.parse(rowId, Number(text));
}

/** The same, for one that has to. */
export function neededQueryId(c: Context, name: string): number {
  const id = queryId(c, name);
  if (id === undefined) throw new PaddockError("PDK_USAGE", `the request names no ${name}`);
  return id;
}
