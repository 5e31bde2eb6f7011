export function onSnapshot(event) { console.log('snapshot', event.properties.$session_id) }
export function onEvent(event) { console.log('event', event.event) }
export function processEvent(event) { event.properties.seen = true; return event }
