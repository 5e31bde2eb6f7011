/** The command: flags and sub-commands to a mode; and the parts of a program that starts itself. */
import { dropPermissions } from "./src/drop_permissions.ts";
import { isPart, type Part } from "./src/own_parts.ts";

const [first, ...rest] = Deno.args;
if (isPart(first)) {
  await runPart(first, rest);
} else {
  const { main } = await import("./src/cli/main.ts");
  Deno.exit(await main(Deno.args, Deno.env.toObject()));
}

/**
 * Runs one part in this process, which began with every permission of the server. The part's modules
 * are loaded first, all permissions but what it cannot do without are given up then, and only then
 * does it read what it is to work on.
 */
async function runPart(part: Part, args: readonly string[]): Promise<void> {
  switch (part) {
    case "plugin-host": {
      const { runHost } = await import("./plugins_runtime/host.ts");
      const { watchMemory } = await import("./plugins_runtime/memory_watch.ts");
      const [granted, , , residentMb] = args;
      // Its worker gets the granted hosts, which nobody can give who does not have them; once the
      // worker is there, and before anything is read from the server, these go as well.
      dropPermissions(granted ? ["read", "net"] : ["read"]);
      watchMemory(Number(residentMb));
      return await runHost(args, dropPermissions, true);
    }
    case "egress-gateway": {
      const { runGateway } = await import("./src/plugins/egress/gateway_program.ts");
      dropPermissions(["net"]);
      return await runGateway(args);
    }
    case "plugin-build": {
      const { runBuilds } = await import("./src/plugins/source/build_program.ts");
      dropPermissions();
      return await runBuilds();
    }
  }
}
