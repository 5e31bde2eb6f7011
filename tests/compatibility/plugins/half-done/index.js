export function processEvent(event) {
    event.properties.half = true
    event.properties.nested.deep = 1
    return event
}
