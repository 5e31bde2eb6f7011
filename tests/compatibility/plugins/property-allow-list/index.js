module.exports.processEvent = (event, { config }) => {
    const kept = config.properties.split(',')
    return { ...event, properties: Object.fromEntries(Object.entries(event.properties ?? {}).filter(([key]) => kept.includes(key))) }
}
