/**
 * The program as it is when it was compiled: it says so of itself, and its executable is the file that
 * the first argument names. Imports main.ts with the other arguments.
 */
const [executable, ...rest] = Deno.args;
Object.defineProperty(Deno, "build", { value: { ...Deno.build, standalone: true } });
Object.defineProperty(Deno, "execPath", { value: () => executable });
Object.defineProperty(Deno, "args", { value: rest });
await import("../../main.ts");
