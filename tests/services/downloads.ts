/** A real web server with npm packages, and with archives as they are. */
import { hash } from "node:crypto";

/** A server with npm packages, and archives as they are. */
export function startDownloads(files: Map<string, Uint8Array>) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const body = files.get(decodeURIComponent(new URL(request.url).pathname));
    if (body === undefined) return new Response("no", { status: 404 });
    return new Response(new Uint8Array(body));
  });
  const address = `http://127.0.0.1:${server.addr.port}`;
  const publish = (
    name: string,
    versions: Record<string, Uint8Array>,
    latest: string,
    integrity?: string,
  ) => {
    const entries = Object.entries(versions).map(([version, archive]) => {
      files.set(`/${name}/-/${version}.tgz`, archive);
      const dist = {
        tarball: `${address}/${name}/-/${version}.tgz`,
        integrity: integrity ?? `sha512-${hash("sha512", archive, "base64")}`,
      };
      return [version, { version, dist }];
    });
    const json = { "dist-tags": { latest }, versions: Object.fromEntries(entries) };
    files.set(`/${name}`, new TextEncoder().encode(JSON.stringify(json)));
  };
  return { address, publish, [Symbol.asyncDispose]: () => server.shutdown() };
}
