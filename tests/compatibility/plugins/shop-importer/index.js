export async function runEveryMinute({ cache, config }) {
    let tries = 0
    while (await cache.get('snoozing', false)) {
        if (++tries > 20) await cache.set('snoozing', false)
    }
    const response = await fetch(`${config.host}/orders.json`)
    if (response.status === 429) {
        await cache.set('snoozing', true, Number(response.headers.get('Retry-After')))
        return
    }
    const link = response.headers.has('Link') ? /page_info=(\w+)/.exec(response.headers.get('link'))[1] : null
    for (const order of (await response.json()).orders) posthog.capture('order', { $set: { email: order.email }, distinct_id: order.email })
    await cache.set('cursor', link)
}
