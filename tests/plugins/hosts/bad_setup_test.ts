/** Whatever setupPlugin does, events go on and the log and the error column say what it did. */
import assert from "node:assert/strict";
import { eventually } from "../../services/eventually.ts";
import { fence, pluginEvent, propertiesOf } from "../fence.ts";

const SETUPS: readonly (readonly [what: string, body: string, message: RegExp])[] = [
  ["throws an error", "throw new TypeError('no key')", /^no key$/],
  ["throws a text", "throw 'no key'", /^no key$/],
  ["throws nothing", "throw undefined", /^undefined$/],
  ["throws null", "throw null", /^null$/],
  ["throws an object", "throw { code: 5 }", /object Object/],
  [
    "throws what cannot be read",
    "throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
    /an error that cannot be read/,
  ],
  ["rejects", "return Promise.reject(new Error('later'))", /^later$/],
  [
    "does not come to an end",
    "return new Promise(() => {})",
    /^Script execution timed out: setupPlugin ran for over 1 seconds$/,
  ],
  ["returns what is no promise", "return { then: 5 }", /^$/],
];

for (const [what, body, message] of SETUPS) {
  Deno.test(`a setup that ${what}`, async () => {
    const fails = message.source !== "^$";
    await using fenced = fence([{
      source: `
        exports.setupPlugin = () => { ${body} }
        exports.processEvent = (event) => { event.properties.seen = true; return event }`,
    }]);
    const [properties] = propertiesOf(await fenced.run([pluginEvent(1)]));
    assert.equal(properties?.seen, fails ? undefined : true);
    const messages = fenced.failures.map(({ failure }) => failure.message);
    assert.equal(messages.length, fails ? 1 : 0, messages.join());
    if (fails) assert.match(messages[0] ?? "", message);
    assert.match(
      fenced.logText(),
      fails ? /Plugin failed to load .*\. Retrying in 3 s\./ : /Plugin loaded/,
    );
  });
}

Deno.test("a setup that never lets go of its worker costs its process, and other plugins nothing", async () => {
  await using fenced = fence([
    { source: "exports.setupPlugin = () => { for (;;); }" },
    { source: "exports.processEvent = (event) => { event.properties.seen = 2; return event }" },
  ]);
  assert.equal(propertiesOf(await fenced.run([pluginEvent(1)]))[0]?.seen, 2);
  await eventually(() => /Plugin stopped: it did not come to an end/.test(fenced.logText()));
});
