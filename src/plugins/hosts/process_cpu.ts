/** CPU time that processes have had, as Linux counts it. */

/** The kernel's unit for it on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/** Where user and system time stand behind the process's name. */
const CPU_FIELDS = [11, 12];

/**
 * Milliseconds of CPU that each process and its threads used so far, by pid; those of which that
 * cannot be told are left out. It takes a process to find out, as Deno opens nothing below /proc
 * without every permission there is: one for all that are asked about.
 */
export async function cpuMsOf(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  if (Deno.build.os !== "linux" || pids.length === 0) return new Map();
  try {
    // Those that are gone are told of on standard error, and the others still on standard output.
    const { stdout } = await new Deno.Command("/bin/sh", {
      args: ["-c", 'cd /proc && exec cat "$@"', "sh", ...pids.map((pid) => `${pid}/stat`)],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin" },
      stdin: "null",
      stderr: "null",
    }).output();
    return new Map(
      new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
        // The name may hold spaces and parentheses; everything behind the last one is plain.
        const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
        const ticks = CPU_FIELDS.reduce((sum, field) => sum + Number(fields[field]), 0);
        const pid = parseInt(line);
        return Number.isFinite(ticks) ? [[pid, ticks / TICKS_PER_SECOND * 1000] as const] : [];
      }),
    );
  } catch {
    return new Map();
  }
}

/** The same of one process; null where it cannot be told. */
export async function cpuMs(pid: number): Promise<number | null> {
  return (await cpuMsOf([pid])).get(pid) ?? null;
}
