/** The words that a command line with a sub-command begins with. */
export const COMMANDS: readonly string[] = [
  "plugins",
  "events",
  "teams",
  "dead-letters",
  "jobs",
  "status",
  "top",
  "tap",
  "forget",
  "completion",
];

/** What a shell calls by itself, and nobody types. */
export const HIDDEN_COMMANDS: readonly string[] = ["complete"];
