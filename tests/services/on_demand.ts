/**
 * Services that only some tests need: the test command starts one when the first test asks for it,
 * and all later ones share it.
 */
import { serviceAddress } from "./database.ts";
import type { Service } from "./service_process.ts";

/** Starts a service for whoever asks first. */
export interface OnDemand {
  /** Where tests ask. */
  readonly url: string;
  /** Kills what was started. */
  close(): Promise<void>;
}

/** @param starters by name; each is called once at most */
export function offerServices(
  starters: Readonly<Record<string, () => Promise<Service>>>,
): OnDemand {
  const started = new Map<string, Promise<Service>>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const name = new URL(request.url).pathname.slice(1);
      const start = starters[name];
      if (start === undefined) return new Response(`no service '${name}'`, { status: 404 });
      let service = started.get(name);
      if (service === undefined) {
        service = start();
        started.set(name, service);
      }
      try {
        return new Response((await service).url);
      } catch (error) {
        return new Response(String(error), { status: 500 });
      }
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    close: async () => {
      await server.shutdown();
      for (const service of await Promise.allSettled(started.values())) {
        if (service.status === "fulfilled") await service.value.kill();
      }
    },
  };
}

/** The address of such a service. The first to ask waits until it is started. */
export async function demandService(name: "kafka" | "clickhouse"): Promise<string> {
  const response = await fetch(`${serviceAddress("PADDOCK_TEST_SERVICES_URL")}/${name}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${name} was not started: ${text}`);
  return text;
}
