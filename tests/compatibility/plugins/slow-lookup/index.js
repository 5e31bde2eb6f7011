export async function processEvent(event, { config }) {
    await new Promise((resolve) => setTimeout(resolve, event.properties.wait))
    event.properties.done = true
    return event
}
