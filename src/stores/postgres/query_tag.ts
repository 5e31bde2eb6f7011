/** What a statement is for, in a word: for metrics. */

/** How PostHog's plugin server called statements that do the same. */
const KNOWN: Readonly<Record<string, string>> = {
  "insert posthog_event": "createEventInsert",
  "insert posthog_sessionrecordingevent": "insertSessionRecording",
  "select posthog_persondistinctid": "fetchPerson",
  "update posthog_person": "updatePerson",
  "update posthog_persondistinctid": "updateDistinctIdPerson",
  "select posthog_team": "fetchTeam",
  "update posthog_team": "setTeamIngestedEvent",
  "select posthog_plugin": "getPluginRows",
  "select posthog_pluginconfig": "getPluginConfigRows",
  "select posthog_pluginattachment": "getPluginAttachmentRows",
  "update posthog_pluginconfig": "updatePluginConfigError",
  "update posthog_plugin": "setPluginCapabilities",
  "insert posthog_pluginlogentry": "insertPluginLogEntries",
  "select posthog_pluginstorage": "storageGet",
  "insert posthog_pluginstorage": "storageSet",
  "delete posthog_pluginstorage": "storageDelete",
  "insert posthog_eventdefinition": "insertEventDefinition",
  "insert posthog_propertydefinition": "insertPropertyDefinition",
  "insert posthog_grouptypemapping": "insertGroupType",
  "select posthog_grouptypemapping": "fetchGroupTypes",
  "select posthog_action": "fetchActions",
  "select posthog_actionstep": "fetchActionSteps",
};

/** Texts are constants of the program, so that there are few; but a mistake must not fill memory. */
const MAX_KEPT = 1_000;

export class QueryTags {
  readonly #kept = new Map<string, string>();

  /** The same for the same text, and of all texts a bounded number. */
  of(text: string): string {
    const kept = this.#kept.get(text);
    if (kept !== undefined) return kept;
    if (this.#kept.size >= MAX_KEPT) return "other";
    const tag = tagOf(text);
    this.#kept.set(text, tag);
    return tag;
  }
}

function tagOf(text: string): string {
  const plain = text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  const writes =
    /\b(insert)\s+into\s+([\w.]+)|\b(update)\s+(?:only\s+)?([\w.]+)\s|\b(delete)\s+from\s+([\w.]+)/i
      .exec(plain);
  const reads = /\b(select)\b[\s\S]*?\bfrom\s+(?!unnest|jsonb?_|generate_)([\w.]+)/i.exec(plain);
  const found = writes ?? reads;
  if (found === null) return /^\s*([a-z]+)/i.exec(plain)?.[1]?.toLowerCase() ?? "other";
  const [verb, table] = found.slice(1).filter((group) => group !== undefined);
  const tag = `${verb} ${table}`.toLowerCase();
  return KNOWN[tag] ?? tag;
}
