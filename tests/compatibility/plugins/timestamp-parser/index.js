export function processEvent(event) {
    const at = new Date(event.timestamp)
    if (isNaN(at)) return event
    event.properties.date = at.toLocaleDateString('en-GB')
    event.properties.day = at.toLocaleDateString('de-DE', { weekday: 'long' })
    event.properties.local = at.getHours() * 60 + at.getMinutes() === -at.getTimezoneOffset() % 1440 + at.getUTCHours() * 60 + at.getUTCMinutes() || 'across midnight'
    return event
}
