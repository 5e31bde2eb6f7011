/** Puts the servers that the tests need on this machine. */
import { findPostgres } from "./postgres.ts";
import { findRedis } from "./redis.ts";
import { findProgram } from "./service_process.ts";

/** Shells that complete commands, and the browser that the console is tested in. */
const PROGRAMS = ["bash", "zsh", "fish", "chromium"];

/** How long one call of apt-get may take, over a slow network too. */
const APT_MS = 900_000;

/** Debian's packages of what every run needs and is not there. */
export function missingDatabases(): string[] {
  return [
    ...(findPostgres() === null ? ["postgresql"] : []),
    ...(findRedis() === null ? ["redis-server"] : []),
    // For its promtool, which checks alert rules; no server of it is started.
    ...(findProgram(["promtool"]) === null ? ["prometheus"] : []),
    ...PROGRAMS.filter((program) => findProgram([program]) === null),
  ];
}

/**
 * Installs Debian's packages where something is missing and this user may do so.
 * @param missingPackages names those that are missing now
 * @throws Error naming what is missing and how to get it
 */
export async function installServices(missingPackages = missingDatabases): Promise<void> {
  const packages = missingPackages();
  if (packages.length === 0) return;
  const advice = `missing: ${packages.join(", ")}; install with 'apt-get install ${
    packages.join(" ")
  }' or your system's package manager`;
  if (Deno.uid() !== 0) throw new Error(advice);
  console.log(`installing ${packages.join(", ")}`);
  await forbidAutostart();
  await apt(["update", "-q"], advice);
  await apt(["install", "-y", "-q", "--no-install-recommends", ...packages], advice);
  if (missingPackages().length > 0) throw new Error(advice);
}

/** Debian starts what it installs; the tests start their own, on ports of their own. */
async function forbidAutostart(): Promise<void> {
  const policy = "/usr/sbin/policy-rc.d";
  const exists = await Deno.stat(policy).then(() => true, () => false);
  if (!exists) await Deno.writeTextFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  await Deno.mkdir("/etc/postgresql-common", { recursive: true });
  const clusters = "/etc/postgresql-common/createcluster.conf";
  const configured = await Deno.stat(clusters).then(() => true, () => false);
  if (!configured) await Deno.writeTextFile(clusters, "create_main_cluster = false\n");
}

async function apt(args: string[], advice: string): Promise<void> {
  const { success, stderr, stdout } = await new Deno.Command("apt-get", {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    signal: AbortSignal.timeout(APT_MS),
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  const words = (decoder.decode(stdout) + decoder.decode(stderr)).slice(-1500);
  throw new Error(`apt-get ${args[0]} failed; ${advice}\n${words}`);
}
