export async function processEventBatch(events, { config }) {
    const emails = events.map(({ properties }) => properties.email).filter(Boolean)
    const response = await fetch(`${config.host}/check`, { method: 'POST', body: JSON.stringify(emails) })
    const valid = await response.json()
    return events.map((event) => ({ ...event, properties: { ...event.properties, valid: valid[event.properties.email] ?? null } }))
}
