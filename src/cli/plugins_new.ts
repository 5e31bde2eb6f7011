/** `paddock plugins new`: the files that a plugin begins with. */
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { PaddockError } from "../errors.ts";
import { asJson, type CommandOutput, printableLine } from "./command_output.ts";
import { JSON_OPTION } from "./command_session.ts";
import { quoted } from "./config_pairs.ts";

interface NewOptions {
  readonly name?: string;
  readonly javascript?: true;
  readonly json?: true;
}

export function addPluginNewCommand(plugins: Command, output: CommandOutput): void {
  plugins.command("new <folder>")
    .description("make a folder with a plugin to begin with, and a fixture that tests it")
    .option("--name <name>", "its name; else it is made of the folder's")
    .option("--javascript", "in JavaScript instead of TypeScript")
    .option(...JSON_OPTION)
    .action((folder: string, options: NewOptions) => make(folder, options, output));
}

async function make(folder: string, options: NewOptions, output: CommandOutput): Promise<void> {
  const name = options.name ?? nameOf(folder);
  const language = options.javascript ? "javascript" : "typescript";
  const files = pluginFiles(name, language);
  const isFree = await isEmptyFolder(folder);
  if (!isFree) {
    throw new PaddockError("PDK_USAGE", `'${folder}' is there already, and is not an empty folder`);
  }
  for (const [path, text] of Object.entries(files)) {
    const file = `${folder}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, text, { createNew: true });
  }
  if (options.json) return output.print(asJson({ name, folder, files: Object.keys(files) }));
  const [path, shown] = [quoted(folder), quoted(name)];
  output.print(`Made '${printableLine(name)}' in ${folder}: ${Object.keys(files).join(", ")}.
Test it:     paddock plugins test ${path}
Install it:  paddock plugins install ${path}
Enable it:   paddock plugins enable ${shown}
What is saved in the folder is in force at once, if it lies below the server's BASE_DIR. A server
that is run with 'deno task dev' or PLUGIN_WATCH=print shows its log and what it makes of events.`);
}

/** `my-first_plugin` → `My first plugin`. */
function nameOf(folder: string): string {
  const words = basename(resolve(folder)).replace(/[-_.]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

async function isEmptyFolder(folder: string): Promise<boolean> {
  try {
    for await (const _entry of Deno.readDir(folder)) return false;
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

/** Path → text. */
function pluginFiles(
  name: string,
  language: "javascript" | "typescript",
): Record<string, string> {
  const main = language === "javascript" ? "index.js" : "index.ts";
  return {
    "plugin.json": jsonText({
      name,
      description: "Says what it does in one sentence.",
      main,
      config: [
        {
          key: "greeting",
          name: "Greeting",
          type: "string",
          hint: "What the property 'greeting' of every event is set to.",
          default: "Hello",
          required: true,
        },
      ],
    }),
    [main]: language === "javascript" ? JAVASCRIPT : TYPESCRIPT,
    "fixtures/greets.json": jsonText({
      config: { greeting: "Good morning" },
      events: [{ event: "signed up", distinct_id: "ann", properties: { plan: "free" } }],
      expect: {
        events: [{
          event: "signed up",
          properties: { plan: "free", greeting: "Good morning, ann" },
        }],
        logs: ['LOG greets with "Good morning"'],
      },
    }),
    "README.md":
      `# ${name}\n\nSays what it does, what its settings mean, and which hosts it needs.\n`,
  };
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const TYPESCRIPT = `import type { PluginEvent, PluginMeta } from "@posthog/plugin-scaffold";

/** Called once before the first event. */
export function setupPlugin({ config }: PluginMeta) {
  console.log(\`greets with "\${config.greeting}"\`);
}

/** Called for every event: return it, changed or not; return nothing to drop it. */
export function processEvent(event: PluginEvent, { config }: PluginMeta) {
  event.properties = {
    ...event.properties,
    greeting: \`\${config.greeting}, \${event.distinct_id}\`,
  };
  return event;
}
`;

const JAVASCRIPT = `/** Called once before the first event. */
export function setupPlugin({ config }) {
  console.log(\`greets with "\${config.greeting}"\`);
}

/** Called for every event: return it, changed or not; return nothing to drop it. */
export function processEvent(event, { config }) {
  event.properties = {
    ...event.properties,
    greeting: \`\${config.greeting}, \${event.distinct_id}\`,
  };
  return event;
}
`;
