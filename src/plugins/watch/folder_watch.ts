/** Looks at the folders of plugins, so that what is saved there is in force at once. */
import { getLogger } from "@logtape/logtape";
import { errorMessage } from "../../errors.ts";
import { isSkippedFolder } from "../source/plugin_files.ts";

/** Editors write a file in several steps. */
const SETTLE_MS = 60;

export class FolderWatch {
  readonly #onChange: (folders: readonly string[]) => void;
  readonly #log = getLogger(["paddock", "plugins"]);
  #folders: readonly string[] = [];
  #watcher: Deno.FsWatcher | null = null;
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onChange gets the folders in which something was saved */
  constructor(onChange: (folders: readonly string[]) => void) {
    this.#onChange = onChange;
  }

  /** Looks at these folders instead of those before; what cannot be watched is said once. */
  watch(folders: readonly string[]): void {
    const sorted = [...new Set(folders)].toSorted();
    if (JSON.stringify(sorted) === JSON.stringify(this.#folders)) return;
    this.#folders = sorted;
    this.#watcher?.close();
    this.#watcher = null;
    if (sorted.length === 0) return;
    try {
      this.#watcher = Deno.watchFs(sorted);
    } catch (error) {
      this.#log.warn`plugins' folders are looked at once a minute only: ${errorMessage(error)}`;
      return;
    }
    this.#follow(this.#watcher);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#watcher = null;
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      for (const path of paths) this.#noticed(path);
    }
  }

  #noticed(path: string): void {
    const folder = this.#folders.find((each) => path.startsWith(`${each}/`));
    if (folder === undefined) return;
    if (path.slice(folder.length).split("/").some(isSkippedFolder)) return;
    this.#changed.add(folder);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const changed = [...this.#changed];
      this.#changed.clear();
      this.#onChange(changed);
    }, SETTLE_MS);
  }
}
