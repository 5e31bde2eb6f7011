/** Whether a plugin did what a fixture expects. */
import { isObject } from "../../events/person_properties.ts";
import type { JsonObject } from "../../events/types.ts";
import { differences } from "./difference.ts";
import { EXPECTED_PARTS, type ExpectedPart, type FixtureExpectations } from "./fixture.ts";

/**
 * How deep objects may have members that the fixture does not name: an event's envelope is for the
 * most part not the plugin's doing, its properties are; those of a captured event have `$lib`.
 */
const OPEN: Readonly<Partial<Record<ExpectedPart, number>>> = {
  events: 1,
  captured: 2,
  requests: 1,
};

/** Expected even where a fixture does not speak of them: a plugin fails no test silently. */
const IMPLIED: FixtureExpectations = { errors: [], refused: [] };

/** One line for each place where the plugin did something else; none where all is as expected. */
export function failuresOf(
  expect: FixtureExpectations,
  report: Readonly<Record<ExpectedPart, unknown>>,
): string[] {
  const expected = { ...IMPLIED, ...expect };
  return EXPECTED_PARTS.flatMap((part) => {
    if (!(part in expected)) return [];
    const got = part === "requests"
      ? withNamedHeaders(report.requests, expected.requests)
      : report[part];
    return differences(expected[part], got, part, OPEN[part]);
  });
}

/** Most headers are fetch's own: those that the fixture does not name do not matter. */
function withNamedHeaders(got: unknown, expected: unknown): unknown {
  if (!Array.isArray(got) || !Array.isArray(expected)) return got;
  return got.map((request: JsonObject, index) => {
    const named = isObject(expected[index]) ? expected[index].headers : undefined;
    const headers = isObject(request.headers) && isObject(named)
      ? Object.fromEntries(Object.entries(request.headers).filter(([key]) => key in named))
      : request.headers;
    return { ...request, headers };
  });
}
