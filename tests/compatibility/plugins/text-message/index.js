export function onEvent(event, { config }) {
    if (event.event !== config.trigger) return
    request.post(config.host, event)
}
