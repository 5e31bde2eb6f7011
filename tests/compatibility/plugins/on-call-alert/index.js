import { URL } from 'url'
import fetch from 'node-fetch'

export async function setupPlugin({ config, global }) {
    global.endpoint = new URL('/v2/enqueue', config.host)
    if (!config.routingKey) throw 'a routing key is needed'
}

export async function runEveryMinute({ cache, config, global }) {
    const failures = await cache.get('failures', 0)
    if (failures < Number(config.threshold)) return
    const response = await fetch(global.endpoint, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ routing_key: config.routingKey, event_action: 'trigger', failures }),
    })
    if (!response.ok) throw `alert was refused: ${response.status} ${response.statusText}`
    await cache.set('failures', 0)
    console.info('alerted', (await response.json()).dedup_key)
}

export async function onEvent(event, { cache }) {
    if (event.event === 'failed') await cache.incr('failures')
}
