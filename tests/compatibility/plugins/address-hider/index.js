export function processEvent(event) {
    if (event.properties && !('$ip' in event.properties)) event.properties.$ip = undefined
    event.properties.saw = event.ip
    event.ip = null
    return event
}
