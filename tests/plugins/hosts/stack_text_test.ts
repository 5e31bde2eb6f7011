import assert from "node:assert/strict";
import { fence, pluginEvent } from "../fence.ts";

Deno.test("a stack shows the plugin's own files, lines and columns, and nothing of the server", async () => {
  await using fenced = fence([{
    source: `exports.processEvent = async (event) => { if (event.properties.number) null.x;
  await null;
  require("./lib/thrower").thrower();
}`,
    files: {
      "lib/thrower.js": `exports.thrower = function thrower() { throw new TypeError("no") }`,
    },
  }]);
  await fenced.run([pluginEvent(0), pluginEvent(1)]);
  const stacks = fenced.failures.map(({ failure }) => failure.stack ?? "").toSorted();
  assert.deepEqual(stacks, [
    "TypeError: Cannot read properties of null (reading 'x')\n" +
    "    at exports.processEvent (index.js:1:77)",
    "TypeError: no\n    at thrower (lib/thrower.js:1:46)\n" +
    "    at exports.processEvent (index.js:3:28)",
  ]);
});
