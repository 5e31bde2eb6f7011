/** What lies in a job's row, in the form that each kind has. */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { constants, deflateRaw, inflateRaw } from "node:zlib";
import { decodeOutgoing, encodeOutgoing } from "../events/outgoing_event.ts";
import { isObject } from "../events/person_properties.ts";
import type { NewExportJob, NewHookJob, NewJob, NewPluginJob } from "./new_job.ts";

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** The task that jobs of plugins have had since the server before. */
export const PLUGIN_TASK = "pluginJob";
export const EXPORT_TASK = "exportEventsWithRetry";
export const HOOK_TASK = "actionHook";

/** The task of each kind of job. */
export const TASKS: Readonly<Record<NewJob["kind"], string>> = {
  plugin: PLUGIN_TASK,
  export: EXPORT_TASK,
  hook: HOOK_TASK,
};

/** A job of a plugin, as it was written. */
export interface StoredPluginJob {
  readonly teamId: number;
  readonly configId: number;
  readonly name: string;
  readonly payload: unknown;
}

/** A batch, as it was written. */
export interface StoredExportJob {
  readonly teamId: number;
  readonly configId: number;
  readonly texts: readonly Uint8Array[];
}

/** A request, as it was written. */
export type StoredHookJob = Pick<
  NewHookJob,
  "name" | "teamId" | "actionId" | "target" | "hookId" | "body"
>;

/** What lies in the row of a new job: JSON text. */
export async function jobText(job: NewJob): Promise<string> {
  switch (job.kind) {
    case "plugin":
      return pluginJobText(job);
    case "export":
      return await exportJobText(job);
    case "hook":
      return hookJobText(job);
  }
}

/** The same members as the server before writes. */
function pluginJobText({ name, payload, configId, teamId }: NewPluginJob): string {
  const text = payload === null ? "" : `"payload":${payload},`;
  return `{"type":${JSON.stringify(name)},${text}"pluginConfigId":${configId},` +
    `"pluginConfigTeam":${teamId}}`;
}

/** @throws Error where it is not what a plugin's job looks like */
export function readPluginJob(payload: unknown): StoredPluginJob {
  if (!isObject(payload)) throw new Error("the job's row is not an object");
  const { type, pluginConfigId, pluginConfigTeam, payload: given } = payload;
  if (typeof type !== "string") throw new Error("the job has no type");
  if (typeof pluginConfigId !== "number" || typeof pluginConfigTeam !== "number") {
    throw new Error("the job does not say whose it is");
  }
  return { teamId: pluginConfigTeam, configId: pluginConfigId, name: type, payload: given };
}

/** Compressed, and in a form that every JSON can hold. */
async function exportJobText(
  { texts, configId, teamId }: NewExportJob,
): Promise<string> {
  const encoded = encodeOutgoing(texts.map((text) => ({ teamId, name: "", text })));
  const bytes = await deflate(encoded, { level: constants.Z_BEST_SPEED });
  return JSON.stringify({
    pluginConfigId: configId,
    pluginConfigTeam: teamId,
    events: texts.length,
    batch: Buffer.from(bytes).toString("base64"),
  });
}

/** @throws Error where it is not what a batch looks like */
export async function readExportJob(payload: unknown): Promise<StoredExportJob> {
  if (!isObject(payload)) throw new Error("the job's row is not an object");
  const { pluginConfigId, pluginConfigTeam, batch } = payload;
  if (
    typeof pluginConfigId !== "number" || typeof pluginConfigTeam !== "number" ||
    typeof batch !== "string"
  ) throw new Error("the job is not a batch of events");
  const bytes = await inflate(Buffer.from(batch, "base64"));
  return {
    teamId: pluginConfigTeam,
    configId: pluginConfigId,
    texts: decodeOutgoing(bytes).map(({ text }) => text),
  };
}

function hookJobText({ name, teamId, actionId, target, hookId, body }: NewHookJob): string {
  return JSON.stringify({ type: name, teamId, actionId, target, hookId, body });
}

/** @throws Error where it is not what a request looks like */
export function readHookJob(payload: unknown): StoredHookJob {
  if (!isObject(payload)) throw new Error("the job's row is not an object");
  const { type: name, teamId, actionId, target, hookId, body } = payload;
  if (
    name !== "webhook" && name !== "REST hook" || typeof teamId !== "number" ||
    typeof actionId !== "number" || typeof target !== "string" || typeof body !== "string" ||
    hookId !== null && typeof hookId !== "string"
  ) throw new Error("the job is not a request to a hook");
  return { name, teamId, actionId, target, hookId, body };
}
