/** How far a process stands back for all others. */

/** The lowest there is. */
export const LOWEST_PRIORITY = 19;

/**
 * Gives every thread of a process the lowest priority. It cannot be taken back without being root,
 * so it lasts as long as the process. On systems without /proc nothing happens.
 */
export async function standBack(pid: number): Promise<void> {
  if (Deno.build.os !== "linux") return;
  try {
    // By its threads, as Linux keeps a priority for each.
    await new Deno.Command("/bin/sh", {
      args: ["-c", `cd "/proc/$0/task" && exec renice -n ${LOWEST_PRIORITY} -p *`, String(pid)],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
  } catch {
    // Without it the process keeps the priority it has; its deadline is the same.
  }
}
