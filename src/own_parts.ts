/**
 * The parts of this program that run in processes of their own. From source each is a module that
 * Deno runs with the permissions it needs. A compiled program has no Deno beside it: it starts itself
 * with the part's name as its first argument, and gives up there what the part must not have; see
 * main.ts.
 */

export const PARTS = ["plugin-host", "egress-gateway", "plugin-build"] as const;
export type Part = typeof PARTS[number];

/** The arguments with which this program's executable starts this program, before all others. */
export type SelfInvocation = readonly string[];

/** How this program starts itself; null where it is run from source. */
export const SELF_INVOCATION: SelfInvocation | null = Deno.build.standalone ? [] : null;

export function isPart(argument: string | undefined): argument is Part {
  return argument !== undefined && (PARTS as readonly string[]).includes(argument);
}

/** The arguments that start a part of a program that can only start itself. */
export function partArguments(
  self: SelfInvocation,
  part: Part,
  args: readonly string[],
): readonly string[] {
  return [...self, part, ...args];
}
