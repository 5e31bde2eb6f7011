function setupPlugin({ config }) {
  console.log(`greeting with "${config.greeting}"`);
}

function processEvent(event, { config }) {
  event.properties = { ...event.properties, greeting: config.greeting };
  return event;
}

module.exports = { setupPlugin, processEvent };
