async function token(meta) {
    const known = await meta.cache.get('token', null)
    if (known) return known
    const response = await fetch(`${meta.config.host}/oauth`, { method: 'POST' })
    // Not awaited, and asked for at once: calls of a config keep their order.
    meta.cache.set('token', (await response.json()).access_token)
    return await token(meta)
}
export async function onEvent(event, meta) {
    await fetch(`${meta.config.host}/leads`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${await token(meta)}` },
        body: JSON.stringify({ id: event.distinct_id }),
    })
}
