/** A command in a pseudo-terminal, as a person has it: `script` of util-linux makes one. */
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(import.meta.resolve("../../"));

export interface Terminal {
  /** All that came so far, control characters included. */
  screen(): string;
  /** Waits until a text is there. */
  until(text: string | RegExp): Promise<void>;
  type(keys: string): Promise<void>;
  /** The exit code, once it ended. */
  ended(): Promise<number>;
}

export function openTerminal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Terminal {
  const words = [Deno.execPath(), "run", "--quiet", "-P=server", "main.ts", ...argv];
  const command = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["-qefc", `stty rows 30 cols 160; exec ${command}`, "/dev/null"],
    cwd: PROJECT,
    env: { ...env, TERM: "xterm" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  const keyboard = child.stdin.getWriter();
  return {
    screen: () => text,
    async until(wanted) {
      const end = performance.now() + 20_000;
      while (typeof wanted === "string" ? !text.includes(wanted) : !wanted.test(text)) {
        if (performance.now() > end) throw new Error(`${wanted} is not on the screen:\n${text}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async type(keys) {
      await keyboard.write(new TextEncoder().encode(keys));
    },
    async ended() {
      const { code } = await child.status;
      await reading;
      await keyboard.close().catch(() => {});
      return code;
    },
  };
}
