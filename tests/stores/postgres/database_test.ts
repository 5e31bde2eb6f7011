import assert from "node:assert/strict";
// @ts-types="@types/pg"
import pg from "pg";
import { isTransient } from "../../../src/stores/postgres/database.ts";

Deno.test("what a disk, a crash or a lock causes is tried again; what a row causes is not", () => {
  const cases: [severity: string, code: string, isTransient: boolean][] = [
    ["ERROR", "53100", true],
    ["ERROR", "58030", true],
    ["ERROR", "55P03", true],
    ["FATAL", "57P01", true],
    // A full disk met while a connection is made.
    ["FATAL", "XX000", true],
    ["PANIC", "53100", true],
    ["ERROR", "23503", false],
    ["ERROR", "22P05", false],
    ["ERROR", "XX000", false],
  ];
  for (const [severity, code, expected] of cases) {
    const error = new pg.DatabaseError("no", 2, "error");
    Object.assign(error, { severity, code });
    assert.equal(isTransient(error), expected, `${severity} ${code}`);
  }
});
