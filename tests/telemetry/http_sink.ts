/** An HTTP server on loopback that keeps what it is sent: for what reports somewhere. */
export interface HttpSink extends AsyncDisposable {
  readonly port: number;
  readonly received: { readonly path: string; readonly body: string }[];
}

export function startHttpSink(): HttpSink {
  const received: { path: string; body: string }[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      received.push({ path: new URL(request.url).pathname, body: await request.text() });
      return Response.json({});
    },
  );
  return {
    port: server.addr.port,
    received,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
