import assert from "node:assert/strict";
import { PaddockError } from "../../../src/errors.ts";
import { parseManifest } from "../../../src/plugins/source/manifest.ts";
import {
  checkPosthogVersion,
  POSTHOG_VERSION,
} from "../../../src/plugins/source/posthog_version.ts";

const check = (posthogVersion: unknown) =>
  checkPosthogVersion(parseManifest(JSON.stringify({ posthogVersion }), "plugin X").posthogVersion);

Deno.test("ranges that hold, with their spaces, and manifests without one", () => {
  for (
    const range of [
      ">= 1.25.0",
      ">=1.24.0",
      ">= 1.25 < 2",
      "^1.20",
      "*",
      ">= 1.0.0, < 2.0.0",
      undefined,
      "",
    ]
  ) {
    check(range);
  }
  check(`== ${POSTHOG_VERSION}`);
});

Deno.test("other versions and what is no range are refused in PostHog's words", () => {
  const refused: [string, string][] = [
    [
      ">= 99.0.0",
      `Currently running PostHog version ${POSTHOG_VERSION} does not match this plugin's ` +
      `semantic version requirement ">= 99.0.0".`,
    ],
    ["soon", `Invalid PostHog semantic version requirement "soon"!`],
  ];
  for (const [range, message] of refused) {
    assert.throws(
      () => check(range),
      (error) =>
        error instanceof PaddockError && error.code === "PDK_PLUGIN_MANIFEST" &&
        error.message === message,
    );
  }
});
