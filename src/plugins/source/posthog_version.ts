/** Whether a plugin was written for the PostHog whose plugin server this one stands in for. */
// @ts-types="@types/semver"
import { satisfies, validRange } from "semver";
import { PaddockError } from "../../errors.ts";

/** The release of PostHog that had plugin server 1.10, whose plugins run here unchanged. */
export const POSTHOG_VERSION = "1.30.0";

/**
 * Holds `posthogVersion` of a plugin.json against that release, as PostHog's application does when a
 * plugin is installed. Ranges are npm's; a comma between two means both.
 * @throws PaddockError PDK_PLUGIN_MANIFEST for another range, and for what is none
 */
export function checkPosthogVersion(range: string | null): void {
  if (range === null) return;
  const comparators = range.replaceAll(",", " ").replaceAll("==", "=");
  if (validRange(comparators) === null) {
    throw new PaddockError(
      "PDK_PLUGIN_MANIFEST",
      `Invalid PostHog semantic version requirement "${range}"!`,
    );
  }
  if (!satisfies(POSTHOG_VERSION, comparators)) {
    throw new PaddockError(
      "PDK_PLUGIN_MANIFEST",
      `Currently running PostHog version ${POSTHOG_VERSION} does not match this plugin's ` +
        `semantic version requirement "${range}".`,
    );
  }
}
