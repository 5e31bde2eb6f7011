import assert from "node:assert/strict";
import { ownUpdates, withCampaign } from "../../src/events/person_properties.ts";

const personUpdates = (
  properties: Record<string, unknown>,
  topSet: unknown,
  topSetOnce: unknown,
) => withCampaign(ownUpdates(properties, topSet, topSetOnce), properties);

Deno.test("campaign values are set, first-seen values are set once", () => {
  const updates = personUpdates(
    {
      utm_medium: "news",
      gclid: "G",
      $browser: "B",
      $browser_version: false,
      $os: "O",
      $current_url: "U",
      other: 1,
    },
    undefined,
    undefined,
  );
  assert.deepEqual(updates.set, { utm_medium: "news", gclid: "G" });
  assert.deepEqual(updates.setOnce, {
    $initial_utm_medium: "news",
    $initial_gclid: "G",
    $initial_browser: "B",
    $initial_browser_version: false,
    $initial_os: "O",
    $initial_current_url: "U",
  });
});

Deno.test("the top level wins over properties, campaign values over both", () => {
  const updates = personUpdates(
    { $set: { a: 1, b: 1, gclid: "own" }, $set_once: { c: 1 }, gclid: "click" },
    { b: 2 },
    { d: 2 },
  );
  assert.deepEqual(updates.set, { a: 1, b: 2, gclid: "click" });
  assert.deepEqual(updates.setOnce, { c: 1, d: 2, $initial_gclid: "click" });
});

Deno.test("what is not an object is ignored, and nothing asks for nothing", () => {
  assert.deepEqual(personUpdates({ $set: "text", $set_once: [1] }, 5, null), {
    set: null,
    setOnce: null,
  });
});
