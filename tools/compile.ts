/**
 * Compiles the program with all it opens by path into one file. Arguments are handed on to
 * `deno compile`, such as `--output=…` and `--target=…`. The base program (`denort`) is downloaded by
 * Deno, or taken from the file that DENORT_BIN names.
 */
import { fileURLToPath } from "node:url";
import { packagesOf } from "./package_graph.ts";

const ROOT = fileURLToPath(import.meta.resolve("../"));

/**
 * Folders of packages that are left out, as they are no part of what the package does. Deno 2.9's
 * compiler overflows its stack over the samples in this one's tests.
 */
const LEFT_OUT: Readonly<Record<string, string>> = { "bintrees": "test" };

const packages = await packagesOf(ROOT, "main.ts");
const excluded = packages.flatMap(({ name, folder }) =>
  LEFT_OUT[name] === undefined ? [] : ["--exclude", `${folder}/${LEFT_OUT[name]}`]
);
const given = Deno.args.some((argument) => argument.startsWith("--output"));
const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    "compile",
    "-P=server",
    // The parts of the program give up permissions, and nobody is to be asked for them again.
    "--no-prompt",
    "--frozen",
    "--unstable-worker-options",
    "--exclude-unused-npm",
    // What plugin processes run: its modules are loaded, and its libraries read, by path.
    "--include=plugins_runtime",
    ...excluded,
    ...(given ? [] : ["--output=dist/paddock"]),
    ...Deno.args,
    "main.ts",
  ],
  cwd: ROOT,
}).spawn().status;
if (code !== 0 && Deno.env.get("DENORT_BIN") === undefined) {
  console.error(
    "compile: where Deno's base program cannot be downloaded, put a denort of Deno " +
      `${Deno.version.deno} there yourself and name the file in DENORT_BIN`,
  );
}
Deno.exit(code);
