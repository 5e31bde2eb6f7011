export function processEvent(event) {
    event.properties.values = [typeof event.now, typeof event.timestamp, event.ip, event.site_url, event.sent_at]
    event.properties.date = new Date(0)
    event.properties.map = new Map([[1, 2]])
    event.properties.nothing = undefined
    return event
}
