/** The files of a plugin, and how much of them there may be. */

/** Path inside the plugin, with slashes → text. */
export type PluginFiles = Map<string, string>;

const MAX_FILES = 1_000;
const MAX_TOTAL_BYTES = 20 * 1024 * 1024;

/** Only what the runtime can use is taken. */
const USED_FILE = /\.(?:json|[cm]?js|[cm]?ts)$/;

/** What other tools leave behind: dependencies cannot be required, the rest is no plugin's. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set([
  "node_modules",
  ".git",
  ".paddock",
  "__MACOSX",
]);

/** Counts what a plugin brings and stops it where it is too much. */
export class SourceBounds {
  #files = 0;
  #bytes = 0;

  /**
   * Whether a file is wanted.
   * @throws Error where there are too many, or too large ones
   */
  takes(path: string, bytes: number): boolean {
    if (!USED_FILE.test(path) || path.split("/").some(isSkippedFolder)) return false;
    this.#files++;
    if (this.#files > MAX_FILES) throw new Error(`over ${MAX_FILES} files`);
    this.adds(bytes);
    return true;
  }

  /** For bytes that become known later. */
  adds(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_TOTAL_BYTES) throw new Error(`over ${MAX_TOTAL_BYTES} bytes of code`);
  }
}

/** Whether nothing in a folder of this name is taken. */
export function isSkippedFolder(name: string): boolean {
  return SKIPPED_FOLDERS.has(name);
}
