import { Buffer } from "node:buffer";
import { encodeFrame, FrameType, type LoadRequest } from "../../../plugins_runtime/frames.ts";
import { VERSION } from "../../version.ts";
import type { PluginSpec } from "../types.ts";

/** The first frame of a plugin's process: its code and the configs it runs for. */
export function loadFrame(
  spec: PluginSpec,
  rest: Pick<
    LoadRequest,
    | "taskTimeoutMs"
    | "tasksPerWorker"
    | "logLinesPerSecond"
    | "logLineLength"
    | "egress"
    | "egressLimits"
  >,
): Uint8Array {
  const { taskTimeoutMs, tasksPerWorker, logLinesPerSecond, logLineLength, egress, egressLimits } =
    rest;
  const request: LoadRequest = {
    pluginId: spec.id,
    pluginName: spec.name,
    version: VERSION,
    files: Object.fromEntries(spec.code.files),
    maps: Object.fromEntries(spec.code.maps ?? []),
    main: spec.code.main,
    configs: spec.configs.map((config) => ({
      id: config.id,
      teamId: config.teamId,
      config: config.config,
      attachments: Object.fromEntries(
        Object.entries(config.attachments).map(([key, { contents, ...names }]) => [key, {
          ...names,
          contents: Buffer.from(contents).toString("base64"),
        }]),
      ),
    })),
    taskTimeoutMs,
    tasksPerWorker,
    logLinesPerSecond,
    logLineLength,
    egress,
    egressLimits,
  };
  return encodeFrame(FrameType.Load, 0, new TextEncoder().encode(JSON.stringify(request)));
}
