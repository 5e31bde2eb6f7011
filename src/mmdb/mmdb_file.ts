import { basename } from "node:path";
import type { DatabasePlace } from "./geoip.ts";

/** A database in a file (MMDB_FILE), which may be replaced at any time. */
export function mmdbFile(path: string): DatabasePlace {
  return {
    name: `MMDB_FILE (${path})`,
    async look() {
      let info: Deno.FileInfo;
      try {
        info = await Deno.stat(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      }
      return {
        name: basename(path),
        version: `${info.mtime?.getTime()} ${info.size} ${info.ino}`,
        read: () => Deno.readFile(path),
      };
    },
  };
}
