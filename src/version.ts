import manifest from "../deno.json" with { type: "json" };

/** This Paddock's version. */
export const VERSION: string = manifest.version;
