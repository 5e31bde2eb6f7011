/** Commands on a database of their own, with what they print. */
import { runCommand } from "../../src/cli/commands.ts";
import type { Database } from "../../src/stores/postgres/database.ts";
import { createTestDatabase } from "../services/database.ts";

export interface CommandRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface TestCommands extends AsyncDisposable {
  readonly database: Database;
  /** A folder that lives as long as this; BASE_DIR of the commands. */
  readonly baseDir: string;
  /** The environment of the commands. */
  readonly environment: Record<string, string>;
  run(...argv: string[]): Promise<CommandRun>;
  /** The same, for one that has to succeed: what it printed. */
  succeed(...argv: string[]): Promise<string>;
}

/** @param more settings besides the stores and BASE_DIR */
export async function createTestCommands(
  more: Readonly<Record<string, string>> = {},
): Promise<TestCommands> {
  const test = await createTestDatabase();
  const baseDir = await Deno.realPath(await Deno.makeTempDir());
  const environment = { DATABASE_URL: test.url, REDIS_URL: "none", BASE_DIR: baseDir, ...more };
  const run = async (...argv: string[]): Promise<CommandRun> => {
    const out: string[] = [];
    const err: string[] = [];
    const code = await runCommand(argv, environment, {
      print: (text) => out.push(text),
      complain: (text) => err.push(text),
    });
    return { code, out: out.join("\n"), err: err.join("\n") };
  };
  return {
    database: test.database,
    baseDir,
    environment,
    run,
    async succeed(...argv) {
      const { code, out, err } = await run(...argv);
      if (code !== 0) throw new Error(`paddock ${argv.join(" ")}: exit ${code}: ${err}`);
      return out;
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(baseDir, { recursive: true });
      await test[Symbol.asyncDispose]();
    },
  };
}

/** Writes a plugin's files into a folder. */
export async function writePlugin(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = `${folder}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
}
