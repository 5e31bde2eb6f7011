/** `dns` for libraries that look names up before they connect: nothing is asked of anybody. */
import net from "node:net";
import type { StandInAddresses } from "./stand_in_addresses.ts";

interface Found {
  readonly address: string;
  readonly family: number;
}

type Callback = (error: Error | null, ...found: unknown[]) => void;

export function lookUpModule(addresses: StandInAddresses): Record<string, unknown> {
  const find = (name: unknown): Found => {
    const address = addresses.addressOf(`${name as string}`);
    return { address, family: net.isIPv6(address) ? 6 : 4 };
  };
  const wantsAll = (options: unknown) =>
    typeof options === "object" && options !== null && (options as { all?: unknown }).all === true;
  const lookup = (name: unknown, ...args: unknown[]) => {
    const callback = args.at(-1) as Callback;
    const found = find(name);
    setTimeout(() => {
      if (wantsAll(args[0])) callback(null, [found]);
      else callback(null, found.address, found.family);
    }, 0);
  };
  const unknown = (name: unknown) =>
    Object.assign(new Error(`query ENOTFOUND ${name as string}`), {
      code: "ENOTFOUND",
      hostname: name,
    });
  const failing = (name: unknown, ...args: unknown[]) => {
    setTimeout(() => (args.at(-1) as Callback)(unknown(name)), 0);
  };
  const rejecting = (name: unknown) => Promise.reject(unknown(name));
  const records = ["resolve", "resolve4", "resolve6", "resolveTxt", "resolveSrv", "resolveCname"];
  const promises = {
    ...Object.fromEntries(records.map((name) => [name, rejecting])),
    lookup: (name: unknown, options: unknown) =>
      Promise.resolve(wantsAll(options) ? [find(name)] : find(name)),
  };
  return {
    ...Object.fromEntries(records.map((name) => [name, failing])),
    lookup,
    promises,
    NOTFOUND: "ENOTFOUND",
    ADDRCONFIG: 1024,
    V4MAPPED: 2048,
  };
}
