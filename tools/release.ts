/**
 * `deno task release VERSION`: writes the version, runs the whole gate, commits and tags. Whatever
 * fails leaves no commit and no tag. Pushing is for the person who ran it.
 */
import { fileURLToPath } from "node:url";
import { releaseObstacle, writeRelease } from "./release_files.ts";

const ROOT = fileURLToPath(import.meta.resolve("../"));

async function run(program: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args, cwd: ROOT }).spawn().status;
  if (!success) throw new Error(`${program} ${args.join(" ")} failed: nothing was released`);
}

async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args, cwd: ROOT }).output();
  return new TextDecoder().decode(stdout).trim();
}

async function release(version: string): Promise<void> {
  const tag = `v${version}`;
  if (await output("git", "status", "--porcelain") !== "") {
    throw new Error("there are uncommitted changes: commit them first");
  }
  if (await output("git", "tag", "--list", tag) !== "") throw new Error(`${tag} exists already`);
  const obstacle = await releaseObstacle(ROOT, version);
  if (obstacle !== null) throw new Error(obstacle);

  await writeRelease(ROOT, version, new Date().toISOString().slice(0, 10));
  await run(Deno.execPath(), "task", "notices");
  await run("bash", ".ci/run");
  await run("git", "commit", "--all", "--message", `Release ${version}`);
  await run("git", "tag", "--annotate", tag, "--message", `Paddock ${version}`);
  console.log(`Paddock ${version} is tagged: git push --follow-tags`);
}

const [version, ...more] = Deno.args;
if (version === undefined || version.startsWith("-") || more.length > 0) {
  console.error("usage: deno task release VERSION, such as 0.2.0");
  Deno.exit(2);
}
try {
  await release(version);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
