export async function processEvent(event, { cache, config }) {
    const day = new Intl.DateTimeFormat('en-CA', { timeZone: config.timeZone }).format(new Date(event.timestamp))
    const key = `${event.event}_${day}`
    if (await cache.get(key, null)) return event
    await cache.set(key, true, 86400)
    event.properties.is_first_of_day = day
    return event
}
