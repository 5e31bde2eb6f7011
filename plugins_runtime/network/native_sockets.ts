/**
 * Takes the power out of Deno's native sockets. A handle can be put around any file descriptor of the
 * process, which needs no permission: descriptor 1 is the pipe to the server. Objects of `tls` and
 * `http` lead to the class `net.Socket`, and a socket to its handle, so neither may be of use.
 *
 * Nothing here needs them: sockets of this worker are streams without a handle, whose bytes go
 * through Deno's own connection to the egress gateway.
 */
import net from "node:net";
import tls from "node:tls";

/** Of each handle, the functions that have to have been there; anything else is another Deno. */
const EXPECTED = ["open", "connect", "bind", "listen", "readStart"];

function refuse(): never {
  throw new Error("This is not available to plugins.");
}

/** @throws Error where the handles are not what they were when this was written */
export function disableNativeSockets(): void {
  for (const handle of [handleOf({}), handleOf({ pipe: true })]) {
    const prototype = Object.getPrototypeOf(handle);
    for (const name of EXPECTED) {
      if (typeof handle[name] !== "function") throw new Error(`native handles have no ${name}`);
    }
    // Those that handles inherit belong to TLS as well, and read and write what was opened.
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
      if (name === "constructor" || typeof value === "function") seal(prototype, name);
    }
    for (const name of ["open", "bind", "connect", "listen"]) {
      if (Object.getPrototypeOf(handle)[name] !== refuse) throw new Error(`${name} is still there`);
    }
  }
  seal(net.Socket.prototype, "constructor");
  seal(net.Server.prototype, "listen");
}

/** A handle that was made without being connected to anything. */
function handleOf(options: object): Record<string, unknown> {
  const socket = new tls.TLSSocket(undefined as never, options);
  const { _handle: handle } = socket as unknown as {
    _handle: { _parent: Record<string, unknown> };
  };
  return handle._parent;
}

function seal(target: object, name: string): void {
  Object.defineProperty(target, name, { value: refuse, writable: false, configurable: false });
}
