import { fence, pluginEvent } from "./plugins/fence.ts";
const names = Deno.args.length ? Deno.args : ["crypto","zlib","stream","url","node-fetch","@posthog/plugin-scaffold","@posthog/plugin-contrib","generic-pool","jsonwebtoken","faker","pg","aws-sdk","@google-cloud/storage","@google-cloud/bigquery","@google-cloud/pubsub","snowflake-sdk"];
await using f = fence(names.map((n) => ({ name: n, source: `const L = require(${JSON.stringify(n)}); exports.processEvent = (e) => { e.properties[${JSON.stringify(n)}] = typeof L + " " + Object.keys(L).length; return e }` })));
const t = performance.now();
const out = await f.run([pluginEvent(1)]);
console.log(out[0]?.json, (performance.now() - t).toFixed(0) + "ms");
console.log(f.logText().slice(0, 3000));
