export async function runEveryMinute({ config, storage }) {
    let next = `${config.host}/tickets.json?page=1`
    do {
        const response = await fetch(next, { headers: { Authorization: `Basic ${Buffer.from(`${config.user}/token:${config.token}`).toString('base64')}` } })
        const { tickets, next_page } = await response.json()
        for (const ticket of tickets) {
            if (await storage.get(ticket.id)) continue
            await storage.set(ticket.id, true)
            await posthog.capture(ticket.status, { distinct_id: ticket.requester, subject: ticket.subject })
        }
        next = next_page && config.host + next_page
    } while (next)
}
