/** What a release changes in the files: the version, wherever it stands, and the changelog's date. */
import semver from "semver";

/** Why there can be no such release, or null. */
export async function releaseObstacle(root: string, version: string): Promise<string | null> {
  const { version: current } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  if (semver.valid(version) !== version) return `'${version}' is not a version such as 1.2.3`;
  // The first release has the version that the files carry from the start.
  if (semver.lt(version, current)) return `${version} is older than ${current}, the version here`;
  const changelog = await Deno.readTextFile(`${root}CHANGELOG.md`);
  if (!changelog.includes(heading(version))) {
    return `CHANGELOG.md has no section '${heading(version)}'`;
  }
  return null;
}

/**
 * Writes the version into deno.json and the cluster's manifest, and the date into CHANGELOG.md.
 * @param date as in `2026-01-31`
 */
export async function writeRelease(root: string, version: string, date: string): Promise<void> {
  await edit(`${root}deno.json`, /^ {2}"version": "[^"]+"/m, `  "version": "${version}"`);
  await edit(
    `${root}deploy/kubernetes/deployment.yaml`,
    /image: paddock:\S+/,
    `image: paddock:${version}`,
  );
  await edit(`${root}CHANGELOG.md`, heading(version), `## ${version} (${date})`);
}

const heading = (version: string): string => `## ${version} (unreleased)`;

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const edited = text.replace(from, to);
  if (!edited.includes(to)) throw new Error(`${file}: nothing matches ${from}`);
  await Deno.writeTextFile(file, edited);
}
