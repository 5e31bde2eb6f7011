/** The gateway process as the server sees it: started with the first plugin that may reach a host. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { getLogger } from "@logtape/logtape";
import { partArguments, SELF_INVOCATION, type SelfInvocation } from "../../own_parts.ts";
import type { EgressTerms, Remedy } from "./admission.ts";
import type { FromGateway, ToGateway } from "./gateway_messages.ts";

/**
 * Where the gateway listens. On Linux all of 127.0.0.0/8 is this machine, so an address that nothing
 * else uses leaves the usual one denied to plugins whatever happens in their process.
 */
const ADDRESS = Deno.build.os === "linux" ? "127.77.0.1" : "127.0.0.1";

const PROGRAM = fileURLToPath(import.meta.resolve("./gateway_program.ts"));

/** A plugin process's way out. */
export interface EgressPass {
  /** `address:port` of the gateway. */
  readonly gateway: string;
  readonly secret: string;
}

export interface EgressRefusal {
  readonly pluginId: number;
  readonly host: string;
  readonly port: number;
  readonly reason: string;
  readonly remedy: Remedy;
}

/** How plugin processes get their passes. */
export interface Egress {
  /** For a process that may reach something; `revoke` ends it and its connections. */
  open(terms: EgressTerms): Promise<EgressPass>;
  revoke(pass: EgressPass): void;
}

interface Running {
  readonly child: Deno.ChildProcess;
  readonly input: WritableStreamDefaultWriter<Uint8Array>;
  readonly listening: Promise<number>;
  readonly ended: Promise<void>;
}

export class EgressGateway implements Egress {
  readonly #onRefused: (refusal: EgressRefusal) => void;
  readonly #self: SelfInvocation | null;
  readonly #log = getLogger(["paddock", "egress"]);
  readonly #open = new Map<string, EgressTerms>();
  readonly #opening = new Map<string, () => void>();
  #running: Running | null = null;
  /** Kept over a restart, as the passes name it. */
  #port = 0;
  #stopped = false;

  /**
   * @param onRefused called for each connection that a plugin was refused
   * @param self how this program starts itself, where it cannot start a module with Deno
   */
  constructor(
    onRefused: (refusal: EgressRefusal) => void,
    self: SelfInvocation | null = SELF_INVOCATION,
  ) {
    this.#onRefused = onRefused;
    this.#self = self;
  }

  async open(terms: EgressTerms): Promise<EgressPass> {
    if (this.#stopped) throw new Error("the egress gateway was stopped");
    const running = this.#running ??= this.#start();
    const port = await running.listening;
    const secret = randomBytes(24).toString("base64url");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opening.set(secret, resolve);
    this.#open.set(secret, terms);
    this.#tell({ type: "open", secret, terms });
    await promise;
    return { gateway: `${ADDRESS}:${port}`, secret };
  }

  revoke({ secret }: EgressPass): void {
    if (this.#open.delete(secret)) this.#tell({ type: "close", secret });
  }

  /** Of its process, if it runs. */
  get pid(): number | null {
    return this.#running?.child.pid ?? null;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const running = this.#running;
    if (running === null) return;
    await running.input.close().catch(() => {});
    await running.ended;
  }

  #tell(message: ToGateway): void {
    // A pipe that broke belongs to a process whose end starts another, which is told everything.
    this.#running?.input.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`))
      .catch(() => {});
  }

  #start(): Running {
    const child = command(this.#port, this.#self).spawn();
    const input = child.stdin.getWriter();
    input.closed.catch(() => {});
    const listening = Promise.withResolvers<number>();
    listening.promise.catch(() => {});
    const ended = this.#follow(child, listening);
    return { child, input, listening: listening.promise, ended };
  }

  async #follow(
    child: Deno.ChildProcess,
    listening: PromiseWithResolvers<number>,
  ): Promise<void> {
    const words = new Response(child.stderr).text();
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#receive(JSON.parse(line) as FromGateway, listening);
    }
    const [{ code, signal }, said] = await Promise.all([child.status, words]);
    this.#running = null;
    if (this.#stopped) return;
    const reason = `the egress gateway ended (${signal ?? code}) ${said.trim().slice(-500)}`.trim();
    this.#log.error`${reason}; plugins reach no host until it runs again`;
    listening.reject(new Error(reason));
    // Not at once, in case it cannot run at all.
    const timer = setTimeout(() => this.#restart(), 500);
    Deno.unrefTimer(timer);
  }

  #restart(): void {
    if (this.#stopped || this.#running !== null || this.#open.size === 0) return;
    this.#running = this.#start();
    for (const [secret, terms] of this.#open) this.#tell({ type: "open", secret, terms });
  }

  #receive(message: FromGateway, listening: PromiseWithResolvers<number>): void {
    switch (message.type) {
      case "listening":
        this.#port = message.port;
        return listening.resolve(message.port);
      case "opened":
        this.#opening.get(message.secret)?.();
        this.#opening.delete(message.secret);
        return;
      case "refused":
        return this.#onRefused(message);
    }
  }
}

/** The network, and nothing else: no file, no environment, no other program. */
function command(port: number, self: SelfInvocation | null): Deno.Command {
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
    "--allow-net",
    "--v8-flags=--max-old-space-size=256",
    PROGRAM,
  ];
  const where = [ADDRESS, String(port)];
  return new Deno.Command(Deno.execPath(), {
    args: self === null ? [...fromSource, ...where] : [
      ...partArguments(self, "egress-gateway", where),
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
