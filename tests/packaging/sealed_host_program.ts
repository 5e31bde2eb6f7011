/** A plugin host that says on standard error when it is sealed, and what it may do from then on. */
import { runHost } from "../../plugins_runtime/host.ts";
import { dropPermissions } from "../../src/drop_permissions.ts";

dropPermissions(["read"]);
await runHost(["", "generic-pool", "plain"], () => {
  dropPermissions();
  const names = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;
  const left = names.filter((name) => Deno.permissions.querySync({ name }).state === "granted");
  console.error(`sealed ${JSON.stringify(left)}`);
});
