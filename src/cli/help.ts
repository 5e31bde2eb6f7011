import { defaultText, type Setting } from "../config/setting.ts";
import { SETTINGS } from "../config/settings.ts";

const USAGE = `Usage: paddock [flag]            run the server
       paddock <command> …      manage what it runs

Flags:
  -h, --help       print this
  -v, --version    print the version
  --healthcheck    say whether the server is well: exit code 0 or 1
  --migrate        create or upgrade Paddock's tables and the job queue's schema
                   (with --upgrade-jobs also that of the server before, beyond return)
  --idle           connect to nothing and wait (also PLUGIN_SERVER_IDLE=true)

Commands (each has a --help):
  plugins          new, install, list, show, enable, disable, order, grant, revoke, grants, logs,
                   states, reset, test, run, upgrade, uninstall
  events           print recent events
  teams            list, create, token: projects and their API keys
  dead-letters     list, show, replay and purge what could not be stored
  jobs             list and retry plugins' jobs and failed exports
  forget           delete a visitor's traces in dead letters, plugins' errors and logs
  completion       print what makes bash, zsh or fish complete all of these

Settings are environment variables.
`;

/** Everything that `--help` prints: modes, commands and every setting of the table. */
export function helpText(): string {
  const groups = new Map<string, string[]>();
  for (const [name, setting] of Object.entries(SETTINGS) as [string, Setting][]) {
    const lines = groups.get(setting.group) ?? [];
    lines.push(`  ${name} (${typeText(setting)}, default ${defaultText(setting)})`);
    lines.push(`      ${setting.description}`);
    groups.set(setting.group, lines);
  }
  const settings = [...groups].map(([group, lines]) => `\n${group}:\n${lines.join("\n")}`);
  return `${USAGE}${settings.join("\n")}\n`;
}

/** The kind of a setting, in words. */
export function typeText(setting: Setting): string {
  switch (setting.type) {
    case "choice":
      return setting.choices.join(" | ");
    case "list":
      return "list, separated by commas";
    default:
      return setting.type;
  }
}
