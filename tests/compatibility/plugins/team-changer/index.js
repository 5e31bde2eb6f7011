export function processEvent(event) { event.team_id = 99; event.properties.more = 1; return event }
