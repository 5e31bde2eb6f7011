/**
 * Addresses for names that are not resolved here. Some libraries look a name up before they connect
 * to its address; they get one that means nothing, and that the socket turns into the name again:
 * only the gateway resolves, so that no question leaves the process either.
 */
import net from "node:net";

const MAX_NAMES = 10_000;

/** All are of a range that nobody has (240.0.0.0/4, RFC 1112, section 4: reserved for later). */
export class StandInAddresses {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  /** An address for a name; an address stands for itself. */
  addressOf(name: string): string {
    if (net.isIP(name) !== 0) return name;
    let number = this.#numbers.get(name);
    if (number === undefined) {
      if (this.#names.length >= MAX_NAMES) throw new Error(`over ${MAX_NAMES} host names`);
      number = this.#names.length;
      this.#names.push(name);
      this.#numbers.set(name, number);
    }
    return `240.0.${number >> 8}.${number & 255}`;
  }

  /** The other way round; what is no stand-in is as it was given. */
  nameOf(address: string): string {
    const [, high, low] = /^240\.0\.(\d+)\.(\d+)$/.exec(address) ?? [];
    if (low === undefined) return address;
    return this.#names[(Number(high) << 8) | Number(low)] ?? address;
  }
}
