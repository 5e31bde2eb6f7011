/** What runs of the tests fetch, kept for later runs. */

/** Below the user's cache folder. */
export function cacheFolder(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "."}/.cache`;
  return `${base}/paddock-tests`;
}

/**
 * Fills a folder once: whatever is cut short, or done by another run at the same time, the folder is
 * either not there or whole.
 * @param fill given an empty folder
 */
export async function prepareFolder(
  folder: string,
  fill: (empty: string) => Promise<void>,
): Promise<void> {
  if (await isThere(folder)) return;
  const parent = folder.slice(0, folder.lastIndexOf("/"));
  await Deno.mkdir(parent, { recursive: true });
  const empty = await Deno.makeTempDir({ dir: parent, prefix: ".filling-" });
  await Deno.chmod(empty, 0o755);
  try {
    await fill(empty);
    await Deno.rename(empty, folder);
  } catch (error) {
    await Deno.remove(empty, { recursive: true });
    if (!await isThere(folder)) throw error;
  }
}

async function isThere(folder: string): Promise<boolean> {
  return await Deno.stat(folder).then(() => true, () => false);
}
