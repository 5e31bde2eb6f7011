/** Gives up all permissions and tells what is still possible, as a line of JSON: name → what came. */
import { dropPermissions } from "../../src/drop_permissions.ts";

const url = Deno.args[0] as string;
const file = new URL(import.meta.url);

dropPermissions();

const attempts: Readonly<Record<string, () => unknown>> = {
  read: () => Deno.readTextFileSync("/etc/hosts"),
  "read its own file": () => Deno.readTextFileSync(file),
  write: () => Deno.writeTextFileSync("/tmp/written", ""),
  env: () => Deno.env.toObject(),
  run: () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync(),
  "run a shell": () => new Deno.Command("/bin/sh", { args: ["-c", "true"] }).outputSync(),
  fetch: () => fetch(url),
  connect: () => Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) }),
  listen: () => Deno.listen({ port: 0 }),
  sys: () => Deno.hostname(),
  ffi: () => Deno.dlopen("libc.so.6", {}),
  import: () => import(`${url}/module.ts`),
  "ask for it": async () => {
    const { state } = await Deno.permissions.request({ name: "read" });
    if (state !== "granted") throw new Error(state);
  },
  "a worker that inherits": () =>
    new Promise((resolve, reject) => {
      const text = "try { Deno.readTextFileSync('/etc/hosts'); postMessage('read') } " +
        "catch (error) { postMessage(error.name) }";
      const worker = new Worker(`data:text/javascript,${encodeURIComponent(text)}`, {
        type: "module",
      });
      worker.onmessage = ({ data }) => data === "read" ? resolve(data) : reject(new Error(data));
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    }),
};

const found: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    found[name] = "possible";
  } catch {
    found[name] = "refused";
  }
}
console.log(JSON.stringify(found));
Deno.exit(0);
