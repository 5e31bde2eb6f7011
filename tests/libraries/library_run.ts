/** Plugins that import libraries, as their authors write them, in the real fence. */
import assert from "node:assert/strict";
import { builtCode } from "../plugins/built_plugin.ts";
import {
  fence,
  pluginEvent,
  propertiesOf,
  type TestFence,
  type TestPlugin,
} from "../plugins/fence.ts";

/** A plugin of one TypeScript file, built the way the server builds it. */
export async function libraryPlugin(
  source: string,
  options: Omit<TestPlugin, "source" | "code"> = {},
): Promise<TestPlugin> {
  return { source: "", code: await builtCode({ "index.ts": source }), ...options };
}

/** Fences one plugin, with room for what libraries need on a machine that is busy. */
export async function fenced(
  source: string,
  options: Omit<TestPlugin, "source" | "code"> = {},
): Promise<TestFence> {
  return fence([await libraryPlugin(source, options)], { taskTimeoutMs: 20_000 });
}

/**
 * What `answer`, the body of an async function that sees `meta`, comes to in a plugin that begins
 * with `imports`.
 */
export async function answerOf(
  imports: string,
  answer: string,
  options: Omit<TestPlugin, "source" | "code"> = {},
): Promise<unknown> {
  await using running = await fenced(
    `${imports}
    export async function processEvent(event, meta) {
      event.properties.answer = await (async () => { ${answer} })();
      return event;
    }`,
    options,
  );
  const [properties] = propertiesOf(await running.run([pluginEvent(1)]));
  assert.ok(
    properties && "answer" in properties,
    `${running.logText()}
    ${JSON.stringify(running.failures)}`,
  );
  return properties.answer;
}
