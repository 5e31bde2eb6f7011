/** The npm packages that a program of this repository loads, directly and through others. */

/** One package at one version. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** Folder of its files in Deno's cache. */
  readonly folder: string;
}

interface Info {
  readonly modules: readonly { readonly kind: string; readonly npmPackage?: string }[];
  /** Key as in the lock file → the package. */
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
      readonly localPath: string;
    }>
  >;
}

/**
 * What the modules reachable from `entry` import, and what that depends on; sorted by name.
 * @param entry path of a module of this repository
 * @throws Error with Deno's words where the graph cannot be read
 */
export async function packagesOf(root: string, entry: string): Promise<Package[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { modules, npmPackages } = JSON.parse(new TextDecoder().decode(stdout)) as Info;
  const waiting = modules.flatMap(({ npmPackage }) => npmPackage ?? []);
  const found = new Map<string, Package>();
  for (const key of waiting) {
    const entry = npmPackages[key];
    if (entry === undefined || found.has(key)) continue;
    found.set(key, { name: entry.name, version: entry.version, folder: entry.localPath });
    waiting.push(...entry.dependencies);
  }
  // Those for other kinds of machines are named, and never fetched.
  const present = await Promise.all(
    [...found.values()].map(({ folder }) => Deno.stat(folder).then(() => true, () => false)),
  );
  return [...found.values()].filter((_, index) => present[index]).sort((a, b) =>
    a.name.localeCompare(b.name, "en") || a.version.localeCompare(b.version, "en")
  );
}
