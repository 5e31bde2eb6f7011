const cases = { snake: (name) => name.replace(/\W+/g, '_').toLowerCase(), lower: (name) => name.toLowerCase() }
module.exports = {
    processEventBatch: async (events, { config }) => events
        .filter(({ event }) => event !== 'drop me')
        .map((event) => ({ ...event, event: event.event.startsWith('$') ? event.event : cases[config.case](event.event) })),
}
