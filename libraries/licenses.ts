/** The licenses of the packages that are part of the bundles, which travel with them. */

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly text: string | null;
}

const LICENSE_FILE = /^(licen[cs]e|copying)(-mit)?(\.(md|txt|markdown))?$/i;

/**
 * One text of all packages that these files are of; those with the same license text share it.
 * @param files absolute paths below `node_modules`
 */
export async function collectLicenses(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => packageFolder(file) ?? []));
  const packages = await Promise.all([...folders].map(readPackage));
  const known = new Map(packages.map((each) => [`${each.name} ${each.version}`, each]));
  const sorted = [...known].sort(([one], [other]) => one < other ? -1 : 1).map(([, each]) => each);
  const groups = Map.groupBy(sorted, ({ text, license }) => text ?? `License: ${license}`);
  const parts = [...groups].map(([text, members]) => {
    const names = members.map(({ name, version, license }) => `${name} ${version} (${license})`);
    return `${names.join("\n")}\n\n${text}\n`;
  });
  return [
    "The bundles in this folder are made of the packages below.\n",
    ...parts,
  ].join(`\n${"-".repeat(80)}\n\n`);
}

/** The folder of the innermost package that a file is of. */
function packageFolder(file: string): string | null {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? null;
}

async function readPackage(folder: string): Promise<Package> {
  const { name, version, license, licenses } = JSON.parse(
    await Deno.readTextFile(`${folder}/package.json`),
  );
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (LICENSE_FILE.test(entry.name)) found.push(entry.name);
  }
  const [file] = found.sort();
  const text = file === undefined
    ? null
    : (await Deno.readTextFile(`${folder}/${file}`)).replaceAll("\r\n", "\n").trim();
  const named = license ?? licenses?.[0]?.type ?? "see the package";
  return { name, version, license: typeof named === "string" ? named : named.type, text };
}
