import assert from "node:assert/strict";
import { typeText } from "../../src/cli/help.ts";
import { configurationPage } from "../../src/config/reference.ts";
import { SETTINGS } from "../../src/config/settings.ts";

const words = (text: string) => text.replace(/[\s|-]+/g, " ");

Deno.test("docs/configuration.md is what the table says", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
  // The formatter sets the tables; what counts is the words.
  assert.equal(words(page), words(configurationPage(typeText)), "run 'deno task docs:config'");
  for (const name of Object.keys(SETTINGS)) assert.ok(page.includes(`\`${name}\``), name);
});
