/** The words that a command line with a sub-command begins with. */
export const COMMANDS: readonly string[] = [
  "plugins",
  "events",
  "teams",
  "dead-letters",
  "jobs",
  "forget",
];
