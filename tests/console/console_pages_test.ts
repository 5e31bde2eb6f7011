/** The console on a phone in the dark, and by keyboard alone. */
import assert from "node:assert/strict";
import { DeadLetters } from "../../src/stores/postgres/dead_letters.ts";
import { zipOf } from "../plugins/source/plugin_archives.ts";
import { createTestCommands } from "../cli/command_run.ts";
import { openBrowser } from "./browser.ts";
import { look, type Scene, startScene } from "./scene.ts";

const TOKEN = "a-token-of-enough-characters";

/** Texts of strangers, each of which would become a part of the page if it were HTML. */
const HOSTILE = "<img src=x onerror=alert(1)><b>bold</b><script>alert(2)</script>";

/** Something on every page. */
async function fill({ database, post }: Scene): Promise<void> {
  await using commands = await createTestCommands({ DATABASE_URL: database.url });
  const archive = `${commands.baseDir}/tagger.zip`;
  await Deno.writeFile(
    archive,
    zipOf({
      "plugin.json": JSON.stringify({
        name: "Tagger",
        description: `Puts a tag on every event. ${HOSTILE}`,
        config: [
          { key: "tag", name: `Tag ${HOSTILE}`, type: "string", required: true },
          { key: "rules", name: "Rules", type: "json" },
          { key: "list", name: "List of words", type: "attachment" },
        ],
        permissions: { net: ["a-host-with-a-rather-long-name.service.example.com:443"] },
      }),
      "index.js": `exports.processEvent = (event, { config }) => {
        console.log(${JSON.stringify(HOSTILE)});
        console.log("a line without a space to break it at: " + "x".repeat(200));
        event.properties = { ...event.properties, tag: config.tag };
        return event;
      }`,
    }),
  );
  await commands.succeed("plugins", "install", archive);
  await commands.succeed("plugins", "enable", "Tagger", "--config", "tag=blue");
  await new DeadLetters().append(database.database, [{
    kind: "event",
    source: "http",
    teamId: 1,
    eventUuid: null,
    event: "unreadable",
    distinctId: null,
    step: "decode",
    pluginConfigId: null,
    code: "PDK_EVENT_INVALID",
    reason: `no distinct id ${HOSTILE}`,
    attempts: 1,
    payload: `{"event":"unreadable"}`,
  }]);
  for (let event = 0; event < 3; event++) {
    await post(`seen ${HOSTILE}`, { long: "word".repeat(60), [HOSTILE]: HOSTILE });
  }
}

Deno.test("every page can be read on a phone, in the dark", async () => {
  await using scene = await startScene({ CONSOLE_TOKEN: TOKEN });
  await fill(scene);
  await using browser = await openBrowser({ width: 390, height: 844, dark: true });
  const { page, complaints } = browser;
  page.on("dialog", (dialog) => complaints.push(`a script ran: ${dialog.message()}`));
  await page.goto(scene.console);
  await page.getByLabel("Token").waitFor();
  await look(browser, "phone-sign-in");
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  const pages: [string, string, string][] = [
    ["overview", "Overview", "All is well"],
    ["plugins", "Plugins", "Tagger"],
    ["plugins/1", "Tagger", "Recent events"],
    ["tail", "Live tail", "Waiting for events"],
    ["events", "Events", "seen"],
    ["persons", "Persons", "ann@example.com"],
    ["dead-letters", "Dead letters", "no distinct id"],
    ["settings", "Settings", "CONSOLE_TOKEN"],
  ];
  for (const [path, title, text] of pages) {
    await page.goto(`${scene.console}/#/${path}`);
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    await page.getByText(text).first().waitFor();
    assert.equal(await page.evaluate("document.activeElement.tagName"), "H1", "a new page is said");
    const [wide, seen] = await page.evaluate<[number, number]>(
      "[document.documentElement.scrollWidth, innerWidth]",
    );
    assert.ok(wide <= seen, `${path} is ${wide} wide, ${seen} are seen`);
    assert.equal(await page.locator("main :is(img, b, script)").count(), 0, "texts are texts");
    await look(browser, `phone-${path.replace("/", "-")}`);
  }
  assert.equal(
    await page.evaluate("getComputedStyle(document.body).colorScheme.includes('dark')"),
    true,
  );
  // Whatever the system says.
  await page.getByRole("button", { name: /^Colours: auto/ }).click();
  await page.getByRole("button", { name: /^Colours: light/ }).waitFor();
  await look(browser, "phone-light");
  await page.reload();
  await page.getByRole("button", { name: /^Colours: light/ }).waitFor();
  await page.goto(`${scene.console}/#/events`);
  await page.locator("details.row summary").first().click();
  await page.getByText(`"${HOSTILE}"`).first().waitFor();
  assert.equal(await page.locator("main :is(img, b, script)").count(), 0);
  assert.deepEqual(complaints, []);
});

Deno.test("all of it can be done by keyboard", async () => {
  await using scene = await startScene({ CONSOLE_TOKEN: TOKEN });
  await fill(scene);
  await using browser = await openBrowser();
  const { page, complaints } = browser;
  const { keyboard } = page;
  const focused = () => page.evaluate<string>("document.activeElement.textContent.trim()");
  /** Goes on until this has the focus. */
  const tabTo = async (text: RegExp) => {
    for (let steps = 0; steps < 60; steps++) {
      await keyboard.press("Tab");
      const label = await page.evaluate<string>(
        "document.activeElement.ariaLabel ?? document.activeElement.textContent",
      );
      if (text.test(label.trim())) return;
    }
    throw new Error(`${text} cannot be reached; the focus is at ${await focused()}`);
  };
  await page.goto(scene.console);
  await page.getByLabel("Token").waitFor();
  await page.getByLabel("Token").focus();
  await keyboard.type("not the token");
  await keyboard.press("Enter");
  await page.getByText("that is not the console's token").waitFor();
  assert.match(complaints.splice(0).join(), /401/);
  await page.getByLabel("Token").fill("");
  await keyboard.type(TOKEN);
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  await page.evaluate("document.activeElement.blur()");
  await page.reload();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await tabTo(/^Plugins$/);
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "Plugins" }).waitFor();
  await tabTo(/^Install a plugin$/);
  await keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Tagger" }).waitFor();
  await tabTo(/^Tagger$/);
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "Tagger" }).waitFor();
  await page.getByRole("button", { name: /^Grant a-host/ }).waitFor();
  await tabTo(/^Grant a-host/);
  await keyboard.press("Enter");
  await page.getByRole("button", { name: /^Revoke a-host/ }).waitFor();
  await page.goto(`${scene.console}/#/dead-letters`);
  await page.getByText("no distinct id").waitFor();
  await tabTo(/^Choose dead letter 1$/);
  await keyboard.press("Space");
  await keyboard.press("Shift+Tab");
  await keyboard.press("Shift+Tab");
  assert.match(await focused(), /^Delete|Dead letters|Choose/);
  await page.getByRole("button", { name: "Delete" }).focus();
  await keyboard.press("Enter");
  await page.getByRole("dialog").getByText("What they hold is gone then.").waitFor();
  await tabTo(/^Delete$/);
  await keyboard.press("Enter");
  await page.getByText("There are none").waitFor();
  await tabTo(/^Sign out$/);
  await keyboard.press("Enter");
  await page.getByLabel("Token").waitFor();
  assert.deepEqual(complaints, []);
});
