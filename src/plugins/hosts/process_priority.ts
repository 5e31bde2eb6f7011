/**
 * How far a process stands back for all others. None of it can be taken back without being root, so
 * it lasts as long as the process. On systems without /proc nothing happens.
 */

/** The lowest there is. */
export const LOWEST_PRIORITY = 19;

/** Gives every thread of a process the lowest priority. */
export async function standBack(pid: number): Promise<void> {
  // By its threads, as Linux keeps a priority for each.
  await run(`cd "/proc/$0/task" && exec renice -n ${LOWEST_PRIORITY} -p *`, pid);
}

/** Lets every thread of a process run only where a processor has nothing else to do. */
export async function standAside(pid: number): Promise<void> {
  await run('exec chrt --all-tasks --idle --pid 0 "$0"', pid);
}

async function run(script: string, pid: number): Promise<void> {
  if (Deno.build.os !== "linux") return;
  try {
    await new Deno.Command("/bin/sh", {
      args: ["-c", script, String(pid)],
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
