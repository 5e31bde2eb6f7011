/** The README's quick start, command by command, in a copy of the repository as a new user has it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { recordStorage } from "../../src/config/storage_choice.ts";
import { freePort } from "../services/free_port.ts";

const ROOT = fileURLToPath(import.meta.resolve("../../"));
const DENO = "npx -y deno@2.9.6";

/** The shell blocks of a section of the README. */
async function commandsOf(section: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${ROOT}README.md`);
  const start = text.indexOf(`## ${section}\n`);
  assert.notEqual(start, -1);
  const end = text.indexOf("\n## ", start + 1);
  return [...text.slice(start, end).matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) =>
    (block as string).trim()
  );
}

Deno.test("the quick start works as it is written", async () => {
  const [start, ...blocks] = await commandsOf("Quick start");
  assert.equal(start, `${DENO} task start`);
  assert.equal(blocks.length, 3);

  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const clone = `${folder}/paddock`;
  const copied = await new Deno.Command("git", {
    args: ["clone", "--quiet", ROOT, clone],
    stderr: "piped",
  }).output();
  assert.ok(copied.success, new TextDecoder().decode(copied.stderr));
  // What else runs on this machine must not decide for a new user.
  await recordStorage(clone, "embedded");
  const port = freePort();
  const env = { HTTP_PORT: String(port) };

  const server = new Deno.Command(Deno.execPath(), {
    args: start.split(" ").slice(3),
    cwd: clone,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const key = Promise.withResolvers<string>();
  const reading = (async () => {
    let text = "";
    for await (const chunk of server.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const found = /API key: (phc_\w+)/.exec(text)?.[1];
      if (found !== undefined) key.resolve(found);
    }
    key.reject(new Error(`the server ended without a key:\n${text}`));
  })();
  try {
    const apiKey = await key.promise;
    let output = "";
    for (const block of blocks) {
      const script = block.replaceAll(DENO, `"${Deno.execPath()}"`)
        .replaceAll("http://127.0.0.1:8000", `http://127.0.0.1:${port}`)
        .replace("phc_the_key_that_was_printed", apiKey);
      const run = async () => {
        const { success, stdout, stderr } = await new Deno.Command("/bin/sh", {
          args: ["-e", "-c", script],
          cwd: clone,
          env,
          stdin: "null",
        }).output();
        const decoder = new TextDecoder();
        output = decoder.decode(stdout);
        assert.ok(success, `${block}\n${output}${decoder.decode(stderr)}`);
      };
      await run();
      // A person reads for a moment between two commands; what they see last is what is checked.
      for (let look = 0; look < 20 && block.includes("paddock events"); look++) {
        if (/Good morning/.test(output) && /greeting with/.test(output)) break;
        await new Promise((resolve) => setTimeout(resolve, 250));
        await run();
      }
    }
    assert.match(output, /hello/);
    assert.match(output, /Good morning/);
    assert.match(output, /greeting with "Good morning"/);
  } finally {
    server.kill("SIGTERM");
    const { code } = await server.status;
    await reading.catch(() => {});
    await Deno.remove(folder, { recursive: true });
    assert.equal(code, 0);
  }
});
