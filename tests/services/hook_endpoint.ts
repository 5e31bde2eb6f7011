/** A real HTTP receiver of webhooks and REST hooks on loopback. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** One request, as it came. */
export interface HookRequest {
  readonly path: string;
  readonly contentType: string | undefined;
  readonly text: string;
}

export interface HookEndpoint extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port`. */
  readonly address: string;
  readonly requests: HookRequest[];
  /** Which status it answers; 0 hangs up without one. */
  answer(status: (request: HookRequest) => number): void;
}

export async function startHookEndpoint(): Promise<HookEndpoint> {
  const requests: HookRequest[] = [];
  let status: (request: HookRequest) => number = () => 200;
  const server = createServer(async (incoming, response) => {
    let text = "";
    for await (const chunk of incoming) text += chunk;
    const request = {
      path: incoming.url ?? "",
      contentType: incoming.headers["content-type"],
      text,
    };
    requests.push(request);
    const code = status(request);
    if (code === 0) {
      response.destroy();
      return;
    }
    response.writeHead(code, code === 302 ? { location: "/elsewhere" } : {});
    response.end("a body that nobody reads ".repeat(1_000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    address: `http://127.0.0.1:${port}`,
    requests,
    answer: (next) => status = next,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
