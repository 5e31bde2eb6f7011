/**
 * Builds plugins in a process of its own. Unpacking, parsing and transpiling look at text that an
 * enemy may have written: here a text that takes for ever, or all the memory there is, ends with a
 * SIGKILL that costs that plugin alone. A worker would not do, as a running loop cannot be stopped in
 * one and its memory is the server's; a process costs a tenth of a second, once for all plugins that
 * changed.
 */
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { type ErrorCode, errorMessage, PaddockError } from "../../errors.ts";
import { partArguments, SELF_INVOCATION, type SelfInvocation } from "../../own_parts.ts";
import type { LoadedSource, RawSource } from "./plugin_source.ts";

/** What goes to the process, as a line of JSON. */
export interface BuildRequest {
  readonly digest: string;
  readonly version: string;
  /** Base64. */
  readonly archive: string | null;
  readonly files: readonly (readonly [string, string])[];
}

/** What comes back, as a line of JSON. */
export type BuildAnswer =
  | {
    readonly ok: true;
    readonly source: Omit<LoadedSource, "code"> & {
      readonly code: Omit<LoadedSource["code"], "files" | "maps"> & {
        readonly files: readonly (readonly [string, string])[];
        readonly maps: readonly (readonly [string, string])[];
      };
    };
  }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

export interface BuildProcessOptions {
  /** How long one plugin may take, the start of the process included. */
  readonly timeoutMs?: number;
  readonly heapMb?: number;
  /** How this program starts itself, where it cannot start a module with Deno. */
  readonly self?: SelfInvocation | null;
}

const PROGRAM = fileURLToPath(import.meta.resolve("./build_program.ts"));
const MAX_STDERR = 2_000;
/** What Deno reserves for itself, as `ulimit -d` counts. */
const RUNTIME_MB = 1_100;

/** Started with the first build; one that dies is replaced with the next. */
export class BuildProcess implements AsyncDisposable {
  readonly #timeoutMs: number;
  readonly #heapMb: number;
  readonly #self: SelfInvocation | null;
  #running: RunningProcess | null = null;
  /** One build at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    { timeoutMs = 20_000, heapMb = 256, self = SELF_INVOCATION }: BuildProcessOptions = {},
  ) {
    this.#timeoutMs = timeoutMs;
    this.#heapMb = heapMb;
    this.#self = self;
  }

  /**
   * Unpacks, checks and transpiles a plugin's code.
   * @throws PaddockError PDK_PLUGIN_LOAD or PDK_PLUGIN_MANIFEST naming the plugin and the reason
   */
  build(source: RawSource): Promise<LoadedSource> {
    const built = this.#last.then(() => this.#build(source));
    this.#last = built.catch(() => {});
    return built;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#running?.close();
    this.#running = null;
  }

  async #build(source: RawSource): Promise<LoadedSource> {
    const { digest, version, content } = source;
    const isArchive = content instanceof Uint8Array;
    const request: BuildRequest = {
      digest,
      version,
      archive: isArchive ? Buffer.from(content).toString("base64") : null,
      files: isArchive ? [] : [...content],
    };
    const running = this.#running ??= new RunningProcess(this.#heapMb, this.#self);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      running.kill();
    }, this.#timeoutMs);
    let answer: BuildAnswer;
    try {
      answer = await running.ask(request);
    } catch (error) {
      this.#running = null;
      await running.close();
      const reason = timedOut
        ? `it was not unpacked and transpiled within ${this.#timeoutMs / 1000} s`
        : `unpacking and transpiling it failed: ${errorMessage(error)}`;
      throw new PaddockError("PDK_PLUGIN_LOAD", `${digest}: ${reason}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    if (!answer.ok) throw new PaddockError(answer.code, answer.message);
    const { code, ...rest } = answer.source;
    return { ...rest, code: { ...code, files: new Map(code.files), maps: new Map(code.maps) } };
  }
}

class RunningProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #said: Promise<string>;
  #rest = "";

  constructor(heapMb: number, self: SelfInvocation | null) {
    this.#child = command(heapMb, self).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#said = new Response(this.#child.stderr).text();
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Rejects when the process ends before it answers. */
  async ask(request: BuildRequest): Promise<BuildAnswer> {
    const text = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    // A broken pipe means an ended process, which the reading below finds with a better reason.
    this.#input.write(text).catch(() => {});
    const pieces = [this.#rest];
    for (;;) {
      const last = pieces.at(-1) as string;
      const end = last.indexOf("\n");
      if (end !== -1) {
        this.#rest = last.slice(end + 1);
        return JSON.parse([...pieces.slice(0, -1), last.slice(0, end)].join(""));
      }
      const { value, done } = await this.#output.read();
      if (done) throw new Error(await this.#ending());
      pieces.push(value);
    }
  }

  async close(): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#output.cancel().catch(() => {});
    await Promise.all([this.#child.status, this.#said]);
  }

  async #ending(): Promise<string> {
    const [{ code, signal }, said] = await Promise.all([this.#child.status, this.#said]);
    if (/out of memory/i.test(said)) return "it needs too much memory";
    const words = said.slice(-MAX_STDERR).trim();
    return `the process ended with ${signal ?? code}${words === "" ? "" : `: ${words}`}`;
  }
}

/** No permission at all, no environment: what an enemy's text could take over there is nothing. */
function command(heapMb: number, self: SelfInvocation | null): Deno.Command {
  const env = ["DENO_DIR", "HOME"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const fromSource = [
    "run",
    "--quiet",
    "--no-prompt",
    // By the lock file, as without it Deno asks the registry which versions there are.
    "--frozen",
    "--cached-only",
    "--no-remote",
    `--v8-flags=--max-old-space-size=${heapMb}`,
    PROGRAM,
  ];
  const args = self === null ? fromSource : partArguments(self, "plugin-build", []);
  return new Deno.Command("/bin/sh", {
    // The heap of a program that starts itself has no limit of its own.
    args: [
      "-c",
      `${self === null ? "" : `ulimit -d ${(heapMb + RUNTIME_MB) * 1024}; `}exec "$0" "$@"`,
      Deno.execPath(),
      ...args,
    ],
    clearEnv: true,
    // Where Deno keeps its compiled copies of these very files.
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...Object.fromEntries(env) },
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}
