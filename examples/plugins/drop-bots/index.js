export function setupPlugin({ config, global }) {
  global.words = config.words.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
}

export function processEvent(event, { config, global }) {
  const agent = event.properties?.$user_agent ?? event.properties?.$raw_user_agent;
  if (typeof agent !== "string") return event;
  const lowerCase = agent.toLowerCase();
  if (!global.words.some((word) => lowerCase.includes(word))) return event;
  if (config.dryRun !== "yes") return null;
  event.properties.is_bot = true;
  return event;
}
