import assert from "node:assert/strict";
import { addressOf, checkData, siteAddress } from "../../../src/plugins/site/site_address.ts";

const SITE = new URL("https://posthog.example.com");
const BELOW = new URL("https://example.com/analytics/");
const TEAM = 7;

Deno.test("a path is one of the site, below what the site lies below", () => {
  const cases: [URL, string, string][] = [
    [SITE, "api/event", "https://posthog.example.com/api/event"],
    [SITE, "/api/event/?a=1#b", "https://posthog.example.com/api/event/?a=1"],
    [SITE, "https://posthog.example.com/api/x", "https://posthog.example.com/api/x"],
    [
      SITE,
      "/api/projects/@current/insights",
      "https://posthog.example.com/api/projects/7/insights",
    ],
    [SITE, "/api/projects/7/insights", "https://posthog.example.com/api/projects/7/insights"],
    [BELOW, "/api/event", "https://example.com/analytics/api/event"],
    [BELOW, "https://example.com/analytics/api", "https://example.com/analytics/api"],
  ];
  for (const [site, path, url] of cases) assert.equal(addressOf(site, path, null, TEAM).href, url);
  assert.equal(
    addressOf(SITE, "api", "https://posthog.example.com/whatever", TEAM).href,
    "https://posthog.example.com/api",
  );
});

Deno.test("whatever leads elsewhere is refused, or stays on the site all the same", () => {
  const refused: [URL, string, string | null][] = [
    [SITE, "https://evil.example.org/api", null],
    [SITE, "//evil.example.org/api", null],
    [SITE, "\\\\evil.example.org/api", null],
    [SITE, "/\\evil.example.org/api", null],
    [SITE, " https://evil.example.org/api", null],
    [SITE, "http://posthog.example.com/api", null],
    [SITE, "https://posthog.example.com:8443/api", null],
    [SITE, "https://posthog.example.com.evil.org/api", null],
    [SITE, "https://user:pass@posthog.example.com/api", null],
    [SITE, "javascript:alert(1)", null],
    [SITE, "file:///etc/passwd", null],
    [SITE, "api", "https://evil.example.org"],
    [SITE, "api", "http://posthog.example.com"],
    [SITE, "api", "https://posthog.example.com@evil.example.org"],
    [SITE, "api", "posthog.example.com"],
    [SITE, "api%2f..%2fadmin", null],
    [SITE, "/api/projects/8/insights", null],
    [SITE, "/api/projects/%38/insights", null],
    [SITE, "/api//projects//8/insights", null],
    [SITE, "/api/projects/7/../8/insights", null],
    [SITE, "/api/event?token=phc_other", null],
    [SITE, "/api/event?PROJECT_ID=8", null],
    [BELOW, "../admin", null],
    [BELOW, "/%2e%2e/admin", null],
    [BELOW, "https://example.com/other", null],
    [BELOW, "https://example.com/analytics-other/api", null],
    [SITE, "a".repeat(9_000), null],
  ];
  for (const [site, path, host] of refused) {
    assert.throws(() => addressOf(site, path, host, TEAM), Error, `${path} ${host}`);
  }
  for (
    const path of ["https:evil.example.org", "@evil.example.org/", "evil.example.org", "../../api"]
  ) {
    assert.equal(addressOf(SITE, path, null, TEAM).origin, SITE.origin, path);
  }
  for (const name of ["token", "project_id", "API_KEY"]) {
    assert.throws(() => checkData({ [name]: 1 }), /cannot be chosen/);
  }
});

Deno.test("SITE_URL is an address of http or https, or not set", () => {
  assert.equal(siteAddress(null), null);
  assert.equal(siteAddress(""), null);
  assert.equal(siteAddress("http://localhost:8000")?.href, "http://localhost:8000/");
  for (const wrong of ["localhost", "ftp://a", "https://u:p@a", "https://a?b=1", "https://a#b"]) {
    assert.throws(() => siteAddress(wrong), { code: "PDK_CONFIG_INVALID" }, wrong);
  }
});
