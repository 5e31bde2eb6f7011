/** The worker of a plugin that imports nothing that speaks to a network by itself. */
import { startWorker } from "./worker.ts";

startWorker(null);
