/** Who answers which of the calls that come out of plugins. */
import type { PluginApi, PluginCall, PluginCallResult, PluginConfig } from "../types.ts";

/** Of a method's name, in a message. */
const MAX_METHOD = 100;

export class RoutedCalls implements PluginApi {
  readonly #routes: ReadonlyMap<string, PluginApi>;

  /** @param routes method (`posthog.capture`) or what is before its dot (`cache`) → who answers */
  constructor(routes: Readonly<Record<string, PluginApi>>) {
    this.#routes = new Map(Object.entries(routes));
  }

  /** Each route gets its calls of the frame at once and in order; between routes there is none. */
  async call(
    configs: ReadonlyMap<number, PluginConfig>,
    calls: readonly PluginCall[],
  ): Promise<PluginCallResult[]> {
    const byRoute = Map.groupBy(calls.keys(), (index) => this.#route(calls[index] as PluginCall));
    const answers: PluginCallResult[] = new Array(calls.length);
    await Promise.all(
      [...byRoute].map(async ([route, indices]) => {
        const mine = indices.map((index) => calls[index] as PluginCall);
        const results = await route?.call(configs, mine) ?? mine.map(unknown);
        indices.forEach((index, position) => answers[index] = results[position] ?? NO_ANSWER);
      }),
    );
    return answers;
  }

  #route({ method }: PluginCall): PluginApi | undefined {
    return this.#routes.get(method) ?? this.#routes.get(method.split(".", 1)[0] ?? "");
  }
}

const NO_ANSWER: PluginCallResult = { ok: false, error: "no answer" };

function unknown({ method }: PluginCall): PluginCallResult {
  return { ok: false, error: `${method.slice(0, MAX_METHOD)} is not available` };
}
