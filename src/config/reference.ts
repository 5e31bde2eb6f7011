/** The table of settings as a page of documentation. */
import { defaultText, type Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** `docs/configuration.md`, made from the table so that it cannot be wrong. */
export function configurationPage(typeText: (setting: Setting) => string): string {
  const groups = new Map<string, string[]>();
  for (const [name, setting] of Object.entries(SETTINGS) as [string, Setting][]) {
    const rows = groups.get(setting.group) ?? [];
    const secret = setting.secret ? " Never shown." : "";
    rows.push(
      `| \`${name}\` | ${cell(typeText(setting))} | \`${cell(defaultText(setting))}\` | ${
        cell(setting.description)
      }${secret} |`,
    );
    groups.set(setting.group, rows);
  }
  const tables = [...groups].map(([group, rows]) =>
    `## ${group}\n\n| variable | kind | default | what it does |\n| --- | --- | --- | --- |\n${
      rows.join("\n")
    }\n`
  );
  return `# Configuration

Every setting is an environment variable; \`paddock --help\` prints the same table. A value of the wrong
kind is refused at start with the variable's name.

${tables.join("\n")}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
