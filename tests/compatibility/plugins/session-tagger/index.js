const thirtyMinutes = 1000 * 60 * 30
async function processEvent(event, { cache }) {
    const key = `session_${event.distinct_id}`
    const at = new Date(event.timestamp || event.now).getTime()
    const { id, last } = await cache.get(key, { id: null, last: 0 })
    const session = id && at - last < thirtyMinutes ? id : `${event.distinct_id}-${at}`
    await cache.set(key, { id: session, last: at }, thirtyMinutes / 1000)
    event.properties = { ...(event.properties || {}), session, first: session !== id }
    return event
}
exports.processEvent = processEvent
