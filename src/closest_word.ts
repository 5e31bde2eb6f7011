import { distance } from "fastest-levenshtein";

/** ` (did you mean 'x'?)` where one of the words is close to what was typed; else nothing. */
export function didYouMean(typed: string, words: readonly string[]): string {
  const [closest] = words
    .map((word) => ({ word, off: distance(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, off }) => off <= Math.max(1, Math.ceil(word.length * 0.4)))
    .toSorted((one, other) => one.off - other.off);
  return closest === undefined ? "" : ` (did you mean '${closest.word}'?)`;
}
