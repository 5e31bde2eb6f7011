/** CPU time and memory of a process and all it started, from /proc. Linux only. */

/** Clock ticks a second, as the kernel reports CPU time; 100 on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** Own CPU time and that of children that have ended, in seconds. */
  readonly cpuSeconds: number;
}

/** Every process there is. */
function allProcesses(): Stat[] {
  const stats: Stat[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      const text = Deno.readTextFileSync(`/proc/${entry.name}/stat`);
      // The name may hold spaces and parentheses; everything behind the last one is plain.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
      stats.push({
        pid: Number(entry.name),
        parent: Number(fields[1]),
        command: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
        cpuSeconds: ticks / TICKS_PER_SECOND,
      });
    } catch {
      // It ended while we looked.
    }
  }
  return stats;
}

/** CPU seconds used so far by a process alone, and by everything below it. */
export function cpuSeconds(pid: number): { readonly self: number; readonly below: number } {
  const stats = allProcesses();
  const tree = new Set([pid]);
  let below = 0;
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const stat of stats) if (tree.has(stat.parent)) tree.add(stat.pid);
  }
  for (const stat of stats) if (tree.has(stat.pid) && stat.pid !== pid) below += stat.cpuSeconds;
  return { self: stats.find((stat) => stat.pid === pid)?.cpuSeconds ?? 0, below };
}

/** Resident memory in MB: now, and the most it ever was. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}
