/** CPU time that a process has had, as Linux counts it. */

/** The kernel's unit for it on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/** Where user and system time stand behind the process's name. */
const CPU_FIELDS = [11, 12];

/**
 * Milliseconds of CPU that the process and its threads used so far; null where that cannot be told.
 * It takes a process to find out, as Deno opens nothing below /proc without every permission there
 * is: to be asked about a suspect, not in passing.
 */
export async function cpuMs(pid: number): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  try {
    const { success, stdout } = await new Deno.Command("/bin/sh", {
      args: ["-c", 'cat "/proc/$0/stat"', String(pid)],
      clearEnv: true,
      stdin: "null",
      stderr: "null",
    }).output();
    if (!success) return null;
    const line = new TextDecoder().decode(stdout);
    // The name may hold spaces and parentheses; everything behind the last one is plain.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    const ticks = CPU_FIELDS.reduce((sum, field) => sum + Number(fields[field]), 0);
    return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND * 1000 : null;
  } catch {
    return null;
  }
}
