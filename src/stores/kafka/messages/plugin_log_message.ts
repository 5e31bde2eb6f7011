import { jsonMessage, millisecondsForm, type OutputMessage, TOPICS } from "./output_message.ts";

/** A line of a plugin's log. */
export interface PluginLogLine {
  readonly id: string;
  readonly teamId: number;
  readonly pluginId: number;
  readonly pluginConfigId: number;
  /** ISO 8601. */
  readonly at: string;
  readonly source: string;
  readonly type: string;
  readonly message: string;
  /** Of the server that wrote it. */
  readonly instanceId: string;
}

export function pluginLogMessage(line: PluginLogLine): OutputMessage {
  return jsonMessage(TOPICS.pluginLogs, line.id, null, {
    id: line.id,
    team_id: line.teamId,
    plugin_id: line.pluginId,
    plugin_config_id: line.pluginConfigId,
    timestamp: millisecondsForm(line.at),
    source: line.source,
    type: line.type,
    message: line.message,
    instance_id: line.instanceId,
  });
}
