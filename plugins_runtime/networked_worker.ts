/** The worker of a plugin that imports a library with sockets of its own, such as `pg`. */
import { NetworkModules } from "./network/network_modules.ts";
import { startWorker } from "./worker.ts";

startWorker(new NetworkModules());
