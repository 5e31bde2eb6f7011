/** From places in transpiled code back to places in what the author wrote. */

/** A place in a file; both numbers count from 1. */
export interface SourcePlace {
  readonly line: number;
  readonly column: number;
}

// Captured while this module loads, before any plugin text. What runs later neither iterates nor
// appends, so that no prototype that a plugin pollutes has a say in it.
const charCodeAt = Function.prototype.call.bind(String.prototype.charCodeAt) as (
  text: string,
  index: number,
) => number;
const Numbers = Int32Array;

/** Generated line and column, then line and column in the source; all count from 0. */
const FIELDS = 4;
const COMMA = 44;
const SEMICOLON = 59;

/** The `mappings` of a source map (version 3) with a single source. */
export class SourceMap {
  readonly #mappings: string;
  /** Decoded when the first error is looked at: most plugins never need it. */
  #segments: Int32Array | null = null;
  #count = 0;

  constructor(mappings: string) {
    this.#mappings = mappings;
  }

  /** The place in the source; the given one where the map does not know its line. */
  original(line: number, column: number): SourcePlace {
    const segments = this.#segments ??= this.#decode();
    // The last segment that begins at the place or before it.
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = middle * FIELDS;
      const itsLine = segments[at] as number;
      const itsColumn = segments[at + 1] as number;
      if (itsLine < line - 1 || (itsLine === line - 1 && itsColumn <= column - 1)) low = middle + 1;
      else high = middle;
    }
    const at = (low - 1) * FIELDS;
    if (low === 0 || segments[at] !== line - 1) return { line, column };
    return { line: (segments[at + 2] as number) + 1, column: (segments[at + 3] as number) + 1 };
  }

  #decode(): Int32Array {
    const mappings = this.#mappings;
    let count = 1;
    for (let i = 0; i < mappings.length; i++) {
      const code = charCodeAt(mappings, i);
      if (code === COMMA || code === SEMICOLON) count++;
    }
    const segments = new Numbers(count * FIELDS);
    let used = 0;
    let line = 0;
    let column = 0;
    let sourceLine = 0;
    let sourceColumn = 0;
    let field = 0;
    let value = 0;
    let shift = 0;
    for (let i = 0; i <= mappings.length; i++) {
      const code = i < mappings.length ? charCodeAt(mappings, i) : SEMICOLON;
      if (code !== COMMA && code !== SEMICOLON) {
        const digit = digitOf(code);
        value |= (digit & 31) << shift;
        shift += 5;
        if ((digit & 32) !== 0) continue;
        const signed = (value & 1) === 1 ? -(value >> 1) : value >> 1;
        if (field === 0) column += signed;
        else if (field === 2) sourceLine += signed;
        else if (field === 3) sourceColumn += signed;
        field++;
        value = 0;
        shift = 0;
        continue;
      }
      // A segment of one field is text that stands for nothing in the source.
      if (field >= FIELDS) {
        segments[used] = line;
        segments[used + 1] = column;
        segments[used + 2] = sourceLine;
        segments[used + 3] = sourceColumn;
        used += FIELDS;
      }
      field = 0;
      if (code === SEMICOLON) {
        line++;
        column = 0;
      }
    }
    this.#count = used / FIELDS;
    return segments;
  }
}

/** Of base64. */
function digitOf(code: number): number {
  if (code >= 97) return code - 71;
  if (code >= 65) return code - 65;
  if (code >= 48) return code + 4;
  return code === 43 ? 62 : 63;
}
