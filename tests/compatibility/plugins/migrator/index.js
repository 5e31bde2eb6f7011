export async function setupPlugin({ storage, jobs, config }) {
    if (config.dateFrom && !(await storage.get('is_export_running', false))) {
        await storage.del('timestamp_cursor')
        await jobs['Export historical events']({ dateFrom: config.dateFrom, dateTo: config.dateTo }).runNow()
    }
}
export async function exportEvents(events, { config }) {
    const batch = events.map(({ event, distinct_id, properties, timestamp }) => ({ event, distinct_id, properties, timestamp }))
    const response = await fetch(`${config.host}/batch`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ api_key: config.apiKey, batch }) })
    if (response.status !== 200) throw new RetryError(`${response.status}`)
}
