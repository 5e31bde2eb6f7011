/** Events of which the first are worked on while the last are on their way. */

// Captured before any plugin text.
const NativePromise = Promise;

export class ArrivingTexts {
  /** How many there will be. */
  readonly total: number;
  readonly #texts: Uint8Array[] = [];
  #wake: () => void = () => {};
  #more: Promise<void> | null = null;

  constructor({ total, texts }: { readonly total: number; readonly texts: readonly Uint8Array[] }) {
    this.total = total;
    this.add(texts);
  }

  /** Undefined as long as it is not there. */
  at(index: number): Uint8Array | undefined {
    return this.#texts[index];
  }

  add(texts: readonly Uint8Array[]): void {
    for (let i = 0; i < texts.length; i++) {
      this.#texts[this.#texts.length] = texts[i] as Uint8Array;
    }
    this.#more = null;
    this.#wake();
  }

  /** Resolves with the next part. */
  more(): Promise<void> {
    return this.#more ??= new NativePromise((resolve) => this.#wake = resolve);
  }

  /** Resolves with all of them. */
  async all(): Promise<readonly Uint8Array[]> {
    while (this.#texts.length < this.total) await this.more();
    return this.#texts;
  }
}
