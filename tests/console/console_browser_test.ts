/**
 * The console in a real browser on a real server: from a plugin's archive to an event that it
 * changes, a host that is granted, and a dead letter that is replayed. Each page is looked at by axe
 * and has its picture taken, which docs/console.md shows.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Buffer } from "node:buffer";
import { INBOX_CHANNEL, PostgresInbox } from "../../src/stores/postgres/inbox/inbox.ts";
import { createTeam } from "../../src/stores/postgres/new_team.ts";
import { eventually } from "../services/eventually.ts";
import { zipOf } from "../plugins/source/plugin_archives.ts";
import { openBrowser } from "./browser.ts";
import { look, startScene } from "./scene.ts";

const MANIFEST = {
  name: "Enricher",
  description: "Asks a service about each visitor, and adds what it says.",
  config: [
    { key: "service", name: "Address of the service", type: "string", required: true },
    {
      key: "region",
      name: "Region",
      type: "choice",
      choices: ["eu", "us"],
      default: "eu",
      hint: "Where the service looks.",
    },
    { key: "token", name: "Token", type: "string", secret: true, required: true },
  ],
};

const SOURCE = `
export function setupPlugin({ config }) {
  console.log("looks in", config.region);
}
export async function processEvent(event, { config }) {
  if (event.event === "broken") throw new Error("cannot make sense of it");
  if (event.event === "noise") return null;
  const { plan } = await fetch(config.service).then((response) => response.json());
  event.properties = { ...event.properties, plan, region: config.region };
  delete event.properties.secret;
  return event;
}`;

/** The service that the plugin asks. */
async function startService() {
  const server = createServer((_request, response) => response.end('{"plan":"gold"}'));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

Deno.test("a plugin is installed, configured, granted a host and watched; a dead letter is replayed", async () => {
  await using service = await startService();
  await using scene = await startScene();
  await using browser = await openBrowser();
  const { page, complaints } = browser;
  const heading = (name: string) => page.getByRole("heading", { name, level: 1 });

  await page.goto(scene.console);
  await heading("Overview").waitFor();
  await page.getByText("All is well").waitFor();

  // Install, from a file.
  await page.getByRole("link", { name: "Plugins" }).click();
  await page.getByRole("button", { name: "Install a plugin" }).click();
  await page.getByRole("button", { name: /^Archive/ }).setInputFiles({
    name: "enricher.zip",
    mimeType: "application/zip",
    buffer: Buffer.from(zipOf({
      "enricher/plugin.json": JSON.stringify(MANIFEST),
      "enricher/index.js": SOURCE,
    })),
  });
  await look(browser, "install");
  await page.getByRole("button", { name: "Install", exact: true }).click();
  await heading("Enricher").waitFor();

  // Configure: what is missing is said where it is missing.
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByText("'service' is required", { exact: true }).waitFor();
  await page.getByLabel("Address of the service").fill(`http://${service.host}/`);
  await page.getByLabel("Region").selectOption("us");
  await page.getByLabel("Token").fill("hunter2-hunter2");
  // The refusal that the browser itself complains of is the one above.
  assert.match(complaints.join("\n"), /^error: .*400 \(Bad Request\)$/);
  complaints.length = 0;
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByRole("button", { name: "Save" }).waitFor();
  await page.getByText("looks in us").waitFor();

  // It is refused the service, and then granted it with one click.
  await scene.post("signed up", { secret: 1 });
  const grant = page.getByRole("button", { name: `Grant ${service.host}` });
  await grant.waitFor();
  await page.getByText("failed", { exact: true }).first().waitFor();
  await look(browser, "plugin-refused");
  await grant.click();
  await page.getByRole("button", { name: `Revoke ${service.host}` }).waitFor();

  // An event is watched being changed; another is dropped, and one breaks the plugin.
  // What is granted is in force a moment later, so an event or two may come too early.
  await eventually(async () => {
    await scene.post("signed up", { secret: 1 });
    await page.waitForTimeout(700);
    return await page.getByText('+ properties.plan: "gold"').first().isVisible();
  });
  await page.getByText('+ properties.region: "us"').first().waitFor();
  await page.getByText("- properties.secret: 1").first().waitFor();
  await look(browser, "plugin");
  await scene.post("noise");
  await scene.post("broken");
  await page.getByLabel("Failures only").check();
  await page.getByText("broken by ann@example.com").waitFor();
  await page.getByText("cannot make sense of it").first().waitFor();

  // The chain, with its speed.
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Plugins" })
    .click();
  await page.getByRole("row", { name: /Enricher/ }).waitFor();
  await look(browser, "plugins");

  // Live tail: only what is stored from now on.
  await page.getByRole("link", { name: "Live tail" }).click();
  await page.getByText("Waiting for events").waitFor();
  await eventually(async () => {
    await scene.post("clicked", { button: "buy" });
    await page.waitForTimeout(700);
    return await page.locator("details.row").first().isVisible();
  });
  await page.locator("details.row summary").first().click();
  await page.getByText("after Enricher (1): changed").first().waitFor();
  await page.getByText('+ properties.plan: "gold"').first().waitFor();
  await look(browser, "tail");

  await page.getByRole("link", { name: "Events", exact: true }).click();
  await page.locator("details.row", { hasText: "signed up" }).first().waitFor();
  await look(browser, "events");
  await page.getByRole("link", { name: "Persons" }).click();
  await page.getByLabel("Distinct id, e-mail or uuid").fill("ann@example.com");
  await page.keyboard.press("Enter");
  await page.locator("details.row summary", { hasText: "ann@example.com" }).click();
  await page.locator("details.row details.row").first().waitFor();
  await look(browser, "persons");

  // A dead letter of a project that there was not yet.
  const { database } = scene.database;
  await new PostgresInbox(database).append([{
    uuid: "0193b7a5-4d26-7c3e-9f6a-2f2f5b8c1d01",
    distinctId: "bert",
    ip: null,
    siteUrl: "http://localhost",
    teamId: 2,
    data: { event: "came too early", properties: {} },
    now: new Date().toISOString(),
    sentAt: null,
  }]);
  await database.query("SELECT pg_notify($1, '')", [INBOX_CHANNEL]);
  await page.getByRole("link", { name: "Dead letters" }).click();
  await page.getByText("there is no team 2").waitFor();
  await look(browser, "dead-letters");
  await createTeam(database, "Second project", null);
  await page.getByRole("button", { name: "Show 1" }).click();
  await page.getByRole("dialog").getByText("came too early").waitFor();
  await look(browser, "dead-letter");
  // A project that was not there is remembered as absent for two seconds.
  await page.waitForTimeout(3_000);
  await page.getByRole("button", { name: "Replay it" }).click();
  await page.getByText("1 put back to be processed.").waitFor();
  await eventually(async () =>
    (await database.query("SELECT id FROM posthog_event WHERE team_id = 2")).length === 1
  );
  await page.getByText("There are none: everything could be stored.").waitFor();

  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Find a setting").fill("console");
  await page.getByRole("row", { name: /CONSOLE_PORT 0 environment/ }).waitFor();
  await look(browser, "settings");
  await page.getByRole("link", { name: "Overview" }).click();
  for (let second = 0; second < 8; second++) {
    for (let event = 0; event < 15 + 5 * (second % 3); event++) await scene.post("seen");
    await page.waitForTimeout(400);
  }
  await look(browser, "overview");

  assert.deepEqual(complaints, []);
});
