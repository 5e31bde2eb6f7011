/** The command: flags and sub-commands to a mode. */
import { main } from "./src/cli/main.ts";

Deno.exit(await main(Deno.args, Deno.env.toObject()));
