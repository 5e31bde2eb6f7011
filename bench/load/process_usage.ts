/** CPU time and memory of a process and all it started, as the kernel counts them. Linux only. */

/** Clock ticks a second, as the kernel reports CPU time; 100 on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/** Where in the kernel's line, behind the name, the parent and the four CPU times stand. */
const PARENT = 1;
const CPU_FIELDS = [11, 12, 13, 14];

/** By another program, as Deno opens nothing below /proc without every permission there is. */
async function shell(script: string): Promise<string> {
  const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", script], stderr: "null" })
    .output();
  return new TextDecoder().decode(stdout);
}

/** CPU seconds used so far by a process alone, and by everything below it. */
export async function cpuSeconds(
  pid: number,
): Promise<{ readonly self: number; readonly below: number }> {
  const stats = (await shell("cat /proc/[0-9]*/stat")).split("\n").filter(Boolean).map((line) => {
    // The name may hold spaces and parentheses; everything behind the last one is plain.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    const ticks = CPU_FIELDS.reduce((sum, field) => sum + Number(fields[field]), 0);
    return { pid: parseInt(line), parent: Number(fields[PARENT]), cpu: ticks / TICKS_PER_SECOND };
  });
  const tree = new Set([pid]);
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const stat of stats) if (tree.has(stat.parent)) tree.add(stat.pid);
  }
  tree.delete(pid);
  return {
    self: stats.find((stat) => stat.pid === pid)?.cpu ?? 0,
    below: stats.reduce((sum, stat) => tree.has(stat.pid) ? sum + stat.cpu : sum, 0),
  };
}

/** Resident memory in MB: now, and the most it ever was. */
export async function memoryMb(
  pid: number,
): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await shell(`cat /proc/${Math.trunc(pid)}/status`);
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}
