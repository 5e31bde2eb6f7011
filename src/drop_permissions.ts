/** Giving up what a process may do, for good. */

const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;
export type PermissionName = typeof PERMISSIONS[number];

/**
 * Gives up every permission but `kept`. Nothing brings one back: the program asks nobody, as it is
 * compiled and started with `--no-prompt`.
 * @throws Error if one of them could not be given up
 */
export function dropPermissions(kept: readonly PermissionName[] = []): void {
  for (const name of PERMISSIONS) {
    if (kept.includes(name)) continue;
    const { state } = Deno.permissions.revokeSync({ name });
    if (state === "granted") throw new Error(`the permission '${name}' could not be given up`);
  }
}
