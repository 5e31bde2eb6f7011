/** The libraries that plugins may import, as far as they are loaded for those that do. */

/** What a library needs of the process that it is loaded into. */
interface Library {
  /**
   * Whether it needs the worker that has Node's network modules, and what those look at: because it
   * has sockets of its own, or because a part of Node's that it is looks at the same.
   */
  readonly isNetworked: boolean;
  /** JavaScript heap beyond what a plugin has anyway: its code, and what it keeps. */
  readonly heapMb: number;
}

/** Name → what it needs. */
const LIBRARIES: Readonly<Record<string, Library>> = {
  "@google-cloud/bigquery": { isNetworked: true, heapMb: 64 },
  "@google-cloud/pubsub": { isNetworked: true, heapMb: 96 },
  "@google-cloud/storage": { isNetworked: true, heapMb: 64 },
  "@posthog/plugin-contrib": { isNetworked: false, heapMb: 0 },
  "aws-sdk": { isNetworked: true, heapMb: 32 },
  "faker": { isNetworked: false, heapMb: 32 },
  "generic-pool": { isNetworked: false, heapMb: 0 },
  "jsonwebtoken": { isNetworked: false, heapMb: 0 },
  "pg": { isNetworked: true, heapMb: 8 },
  "snowflake-sdk": { isNetworked: true, heapMb: 128 },
  "zlib": { isNetworked: true, heapMb: 0 },
};

/** Those that are Node's, and not a file in the runtime's `libraries` folder. */
const NOT_BUNDLED: ReadonlySet<string> = new Set(["zlib"]);

/** A `require` of a name that stands there as text, as transpiled imports have it too. */
const REQUIRE = /\brequire\s*\(\s*(["'`])([@\w][^"'`\n]*)\1\s*\)/g;

/** The names of all that are files. */
export const BUNDLED_LIBRARIES: readonly string[] = Object.keys(LIBRARIES).filter(isBundled);

/**
 * The libraries that CommonJS texts import. A name that is only known when the code runs is not seen:
 * such a library is not there for it.
 */
export function importedLibraries(texts: Iterable<string>): readonly string[] {
  const found = new Set<string>();
  for (const text of texts) {
    for (const [, , given = ""] of text.matchAll(REQUIRE)) {
      const name = given.replace(/^node:/, "");
      if (Object.hasOwn(LIBRARIES, name)) found.add(name);
    }
  }
  return [...found].sort();
}

function isBundled(name: string): boolean {
  return !NOT_BUNDLED.has(name);
}

/** What a process with these libraries needs. */
export function libraryNeeds(
  names: readonly string[],
): Library & { readonly bundled: readonly string[] } {
  const needed = names.flatMap((name) => LIBRARIES[name] ?? []);
  return {
    bundled: names.filter(isBundled),
    isNetworked: needed.some(({ isNetworked }) => isNetworked),
    heapMb: needed.reduce((sum, { heapMb }) => sum + heapMb, 0),
  };
}
