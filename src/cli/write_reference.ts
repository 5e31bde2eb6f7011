/** Writes `docs/configuration.md`: `deno task docs:config`. */
import { configurationPage } from "../config/reference.ts";
import { typeText } from "./help.ts";

if (import.meta.main) {
  await Deno.writeTextFile(
    new URL("../../docs/configuration.md", import.meta.url),
    configurationPage(typeText),
  );
}
