/** What benches and long runs are asked for on their command line. */
import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * The values of these options. `--help` shows what the program's file says at its head and ends with
 * exit code 0; an option that there is not ends it with 2.
 * @param file the program's `import.meta.url`
 */
export function optionsOf<const Known extends Options>(
  file: string,
  options: Known,
): ReturnType<typeof parseArgs<{ options: Known }>>["values"] {
  if (Deno.args.includes("--help")) {
    console.log(headOf(Deno.readTextFileSync(new URL(file))));
    Deno.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const [message] = (error as Error).message.split(". ");
    console.error(`${message}; --help shows the options`);
    Deno.exit(2);
  }
}

/** The text of the comment that a file begins with. */
function headOf(source: string): string {
  const end = source.indexOf("*/");
  return source.slice(0, end).replace(/^\/\*\*[ \n]?/, "").replace(/^ \* ?/gm, "").trim();
}
