/** How much memory processes hold, as far as this system says. */

const PAGE_BYTES = 4096;

/** Resident bytes of all of them together; null where there is none, or no /proc. */
export async function memoryOf(pids: readonly number[]): Promise<number | null> {
  const sizes = await Promise.all(pids.map(async (pid) => {
    const text = await Deno.readTextFile(`/proc/${pid}/statm`).catch(() => "");
    const pages = Number(text.split(" ")[1]);
    return Number.isFinite(pages) ? pages * PAGE_BYTES : 0;
  }));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return total === 0 ? null : total;
}
