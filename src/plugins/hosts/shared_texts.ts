/** What answers to a plugin's process begin with again and again, so that it is sent there once. */
import { LRUCache } from "lru-cache";

/** Kept by the process at a time. */
const MAX_TEXTS = 2_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** A longer text is not worth its place. */
const MAX_LENGTH = 16 * 1024;

/** The texts that one process keeps, by number; it forgets one when another gets its number. */
export class SharedTexts {
  readonly #free: number[] = [];
  #next = 0;
  /** Made with the first text: it has room for all from the beginning, and most plugins ask nothing. */
  #numbers: LRUCache<string, number> | null = null;

  /**
   * Null where the text is too long to be kept.
   * @returns its number, and whether the process does not have it under that yet
   */
  numberOf(text: string): { readonly number: number; readonly isNew: boolean } | null {
    if (text.length > MAX_LENGTH) return null;
    const numbers = this.#numbers ??= this.#create();
    const known = numbers.get(text);
    if (known !== undefined) return { number: known, isNew: false };
    const number = this.#free.pop() ?? this.#next++;
    numbers.set(text, number);
    return { number, isNew: true };
  }

  #create(): LRUCache<string, number> {
    return new LRUCache({
      max: MAX_TEXTS,
      maxSize: MAX_CHARACTERS,
      sizeCalculation: (_number, text) => text.length + 1,
      dispose: (number) => this.#free.push(number),
    });
  }
}
