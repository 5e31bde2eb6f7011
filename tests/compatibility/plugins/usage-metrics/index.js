export const metrics = { sent: 'sum', slowest: 'MAX', fastest: 'min', events_seen: 'sum' }
export function setupPlugin({ metrics }) { metrics.sent.increment() }
export async function exportEvents(events, { config, metrics }) {
    const response = await fetch(`${config.host}/events`, { method: 'POST', body: JSON.stringify(events.length) })
    const { took } = await response.json()
    metrics.sent.increment(events.length)
    metrics.slowest.max(took)
    metrics.fastest.min(took)
    try { metrics.unknown.increment() } catch (error) { console.log(error.message) }
    try { metrics.sent.increment('1') } catch (error) { console.log(error.message) }
}
