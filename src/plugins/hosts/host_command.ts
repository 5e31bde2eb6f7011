/** How a plugin host is started. */
import { fileURLToPath } from "node:url";
import { partArguments, SELF_INVOCATION, type SelfInvocation } from "../../own_parts.ts";
import { EVERY_PUBLIC_HOST } from "../grants/grant.ts";
import { libraryNeeds } from "../source/libraries.ts";
import { deniedRanges } from "./private_ranges.ts";

/**
 * Where the code of a plugin host comes from: a folder of modules with a slash at its end, which
 * Deno runs, or this program itself.
 */
export type HostRuntime = string | SelfInvocation;

/** The folder of the runtime's files: the only code that runs in a plugin host. */
export const RUNTIME_FOLDER = fileURLToPath(import.meta.resolve("../../../plugins_runtime/"));

/** That of this program, however it was started. */
export const HOST_RUNTIME: HostRuntime = SELF_INVOCATION ?? RUNTIME_FOLDER;

/** What one plugin process may use. */
export interface HostLimits {
  /** JavaScript heap. */
  readonly heapMb: number;
  /** Memory of every kind, by `ulimit -d`; 0 is no limit. */
  readonly dataMb: number;
  /** How far it stands back for the server, 0 to 19. */
  readonly nice: number;
}

/** Open files at most: the runtime's own, and a few dozen connections. */
const OPEN_FILES = 256;

/** What the memory of a process is over its heap: the runtime itself, and buffers of requests. */
const RESIDENT_MB = 256;

/**
 * The command of a host process: no credentials, an empty environment, and permission for nothing
 * but the granted hosts and the reading of the runtime's own files (without which it could not load
 * its worker, which does not get that permission).
 *
 * Nothing secret is in the arguments, as any process of this machine can read them.
 * @param grants checked `host` or `host:port` entries: no comma, no space
 * @param gateway `address:port` of the egress gateway, if there is anything to reach
 * @param libraries names of those that the plugin imports
 */
export function hostCommand(
  runtime: HostRuntime,
  grants: readonly string[],
  gateway: string | null,
  limits: HostLimits,
  libraries: readonly string[],
): Deno.Command {
  const needs = libraryNeeds(libraries);
  const allowed = gateway === null ? [] : [...grants, gateway];
  const heapMb = limits.heapMb + needs.heapMb;
  const work = [
    allowed.join(","),
    needs.bundled.join(","),
    needs.isNetworked ? "networked" : "plain",
  ];
  const hostArguments = typeof runtime === "string"
    ? [...fromFolder(runtime, allowed, heapMb), ...work]
    // A program that starts itself begins with the server's permissions and without a limit of its
    // heap: it gives up the ones, and watches over its memory instead of the other.
    : partArguments(runtime, "plugin-host", [...work, String(heapMb + RESIDENT_MB)]);
  const dataMb = limits.dataMb > 0 ? limits.dataMb + needs.heapMb : 0;
  const cache = Deno.env.get("DENO_DIR");
  const home = Deno.env.get("HOME");
  const timeZone = Deno.env.get("TZ");
  return new Deno.Command("/bin/sh", {
    // Numbers and positional arguments only: no text of anybody's is part of the script.
    args: [
      "-c",
      `${dataMb > 0 ? `ulimit -d ${Math.round(dataMb) * 1024}; ` : ""}` +
      `ulimit -n ${OPEN_FILES}; ulimit -c 0; exec nice -n ${Math.round(limits.nice)} "$0" "$@"`,
      Deno.execPath(),
      ...hostArguments,
    ],
    clearEnv: true,
    // Where Deno keeps its compiled copies of the runtime's files; not readable to plugins.
    env: {
      PATH: "/usr/bin:/bin",
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      ...(cache === undefined ? {} : { DENO_DIR: cache }),
      ...(home === undefined ? {} : { HOME: home }),
      // Dates are told in the server's time zone, as they were by the server before.
      ...(timeZone === undefined ? {} : { TZ: timeZone }),
      ...proxyOf(gateway),
    },
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/** The arguments by which Deno runs the runtime's modules with nothing but what they need. */
function fromFolder(
  runtime: string,
  allowed: readonly string[],
  heapMb: number,
): readonly string[] {
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--no-npm",
    "--cached-only",
    "--deny-import",
    `--allow-read=${runtime}`,
    ...allowNet(allowed),
    `--deny-net=${deniedRanges(allowed).join(",")}`,
    "--unstable-worker-options",
    `--v8-flags=--max-old-space-size=${heapMb}`,
    `${runtime}host.ts`,
  ];
}

/** Every public address is "all" less the denied ranges. */
function allowNet(allowed: readonly string[]): string[] {
  if (allowed.includes(EVERY_PUBLIC_HOST)) return ["--allow-net"];
  return allowed.length > 0 ? [`--allow-net=${allowed.join(",")}`] : [];
}

/**
 * The gateway as the proxy of requests that name none. Ours always do; should a plugin get hold of
 * one on its way and take that from it, it still reaches the gateway and not the host, and without
 * the secret, which is not here.
 */
function proxyOf(gateway: string | null): Record<string, string> {
  if (gateway === null) return {};
  const url = `http://${gateway}`;
  return { HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url };
}
