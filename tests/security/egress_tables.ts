/** Ways to where a plugin may not go, as rows: code that comes to something is a way that is open. */

/** The body of an async function that fetches a URL. */
export const fetched = (url: string, init = "{}") => `
  const response = await fetch(${JSON.stringify(url)}, ${init});
  return response.status + " " + await response.text();`;

/**
 * Addresses that were not granted, however they are spelled.
 * @param granted the port of 127.0.0.1 that was
 * @param port one of 127.0.0.1 that was not
 * @param v6 one of ::1 that was not
 */
export function forbiddenAddresses(
  { granted, port, v6 }: { readonly granted: number; readonly port: number; readonly v6: number },
): readonly (readonly [name: string, url: string])[] {
  return [
    ["another port of a granted address", `http://127.0.0.1:${port}/`],
    ["a name of this machine", `http://localhost:${port}/`],
    ["a name of this machine, at a granted port", `http://localhost:${granted}/other`],
    ["a name with a dot at its end", `http://localhost.:${port}/`],
    ["a name below localhost", `http://x.localhost:${port}/`],
    ["loopback in IPv6", `http://[::1]:${v6}/`],
    ["loopback in IPv6, in full", `http://[0:0:0:0:0:0:0:1]:${v6}/`],
    ["IPv4 mapped into IPv6", `http://[::ffff:127.0.0.1]:${port}/`],
    ["IPv4 mapped into IPv6, in hex", `http://[::ffff:7f00:1]:${port}/`],
    ["IPv4 compatible IPv6", `http://[::127.0.0.1]:${port}/`],
    ["IPv4 by NAT64", `http://[64:ff9b::7f00:1]:${port}/`],
    ["IPv4 by local NAT64", `http://[64:ff9b:1::7f00:1]:${port}/`],
    ["IPv4 by 6to4", `http://[2002:7f00:1::]:${port}/`],
    ["the address of everything", `http://0.0.0.0:${port}/`],
    ["the address of everything in IPv6", `http://[::]:${v6}/`],
    ["a decimal address", `http://2130706433:${port}/`],
    ["a hexadecimal address", `http://0x7f000001:${port}/`],
    ["an octal address", `http://0177.0.0.1:${port}/`],
    ["a short address", `http://127.1:${port}/`],
    ["another loopback address", `http://127.1.2.3:${port}/`],
    ["full-width digits", `http://１２７.0.0.1:${port}/`],
    ["ideographic dots", `http://127。0。0。1:${port}/`],
    ["an encoded host", `http://%31%32%37.0.0.1:${port}/`],
    ["credentials that look like a host", `http://127.0.0.1:${granted}@127.0.0.1:${port}/`],
    ["a fragment that looks like a host", `http://127.0.0.1:${port}/#@127.0.0.1:${granted}`],
    ["a backslash", `http://127.0.0.1:${port}\\@127.0.0.1:${granted}/`],
    ["a tab in the host", `http://127.0.0.1\t:${port}/`],
    ["no port", "http://127.0.0.1/"],
    ["TLS", `https://127.0.0.1:${port}/`],
    ["cloud metadata", "http://169.254.169.254/latest/meta-data/"],
    ["cloud metadata in IPv6", "http://[fd00:ec2::254]/latest/meta-data/"],
    ["a link-local address", "http://[fe80::1]/"],
    ["a private address", "http://10.0.0.1/"],
    ["a private IPv6 address", "http://[fd12:3456::1]/"],
    ["carrier NAT", "http://100.64.0.1/"],
    ["a public address", "http://1.1.1.1/"],
    ["a public name", "http://example.com/"],
    ["a file", "file:///etc/passwd"],
    ["a websocket address", `ws://127.0.0.1:${port}/`],
    ["another scheme", `ftp://127.0.0.1:${port}/`],
    ["a blob", "blob:http://127.0.0.1/1"],
    ["the gateway itself", "http://127.77.0.1:80/"],
  ];
}

/** Name → where a granted server may redirect to, at ports that were not granted. */
export function redirectTargets(
  { port, v6 }: { readonly port: number; readonly v6: number },
): Record<string, string> {
  return {
    port: `http://127.0.0.1:${port}/t`,
    name: `http://localhost:${port}/t`,
    v6: `http://[::1]:${v6}/t`,
    mapped: `http://[::ffff:127.0.0.1]:${port}/t`,
    metadata: "http://169.254.169.254/",
    file: "file:///etc/passwd",
  };
}

/**
 * Detours to where it may not go.
 * @param granted the URL of a granted server, whose paths of these names redirect
 * @param away a URL that was not granted
 */
export function detours(
  { granted, away, redirects }: {
    readonly granted: string;
    readonly away: string;
    readonly redirects: readonly string[];
  },
): readonly (readonly [name: string, code: string])[] {
  const [there, { port }] = [JSON.stringify(away), new URL(away)];
  return [
    ...redirects.map((to) => [`a redirect to ${to}`, fetched(`${granted}/${to}`)] as const),
    [
      "a redirect that keeps its method",
      fetched(`${granted}/port`, "{ method: 'POST', body: 'x' }"),
    ],
    ["a request object", `return (await fetch(new Request(${there}))).status`],
    ["a URL object", `return (await fetch(new URL(${there}))).status`],
    [
      "a text that is another at each look",
      `let n = 0; await fetch({ toString: () => n++ ? ${there} : "${granted}" }); throw new Error("where the counters say")`,
    ],
    [
      "a proxy of a request",
      `await fetch(new Proxy(new Request("${granted}"), { get: (o, k) => k === "url" ? ${there} : Reflect.get(o, k) })); throw new Error("where the counters say")`,
    ],
    [
      "a request whose url is another's",
      `const r = new Request("${granted}"); Object.defineProperty(r, "url", { value: ${there} }); const { url } = await fetch(r); if (url.startsWith("${granted}")) throw new Error("went where it was granted"); return url`,
    ],
    ["a client of its own", `return (await fetch(${there}, { client: { rid: 3 } })).status`],
    [
      "a client from the options' prototype",
      `return (await fetch(${there}, Object.create({ client: undefined }))).status`,
    ],
    [
      "a client by a polluted prototype",
      `Object.defineProperty(Object.prototype, "client", { get: () => undefined, set() {} }); return (await fetch(${there})).status`,
    ],
    [
      "the constructor of fetch",
      `return (await fetch.constructor("return fetch")()(${there})).status`,
    ],
    ["fetch of another realm", `return (await Function("return this")().fetch(${there})).status`],
    ["node-fetch", `return (await require("node-fetch")(${there})).status`],
    [
      "a connection by node:net",
      `require("net").connect(${port}, "127.0.0.1"); return "connected"`,
    ],
    ["a request by node:http", `require("http").get(${there}); return "sent"`],
    ["a look-up by node:dns", `return await require("dns").promises.lookup("localhost")`],
    [
      "a datagram by node:dgram",
      `require("dgram").createSocket("udp4").send("x", ${port}); return "sent"`,
    ],
    ["a websocket", `return new WebSocket("ws://127.0.0.1:${port}").url`],
    ["an event source", `return new EventSource(${there}).url`],
    ["a beacon", `return navigator.sendBeacon(${there})`],
    ["an import", `return await import(${there})`],
    ["a worker", `return new Worker(${there})`],
    ["wasm by streaming", `return await WebAssembly.compileStreaming(fetch(${there}))`],
    ["Deno.connect", `return await Deno.connect({ port: ${port} })`],
    [
      "a host after a line feed",
      fetched(`${granted}/`, `{ headers: { "x": "a\\r\\nHost: evil" } }`),
    ],
  ];
}
