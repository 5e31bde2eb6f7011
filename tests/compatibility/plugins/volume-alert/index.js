export async function onEvent(event, { cache }) {
    const count = await cache.incr(`events of ${event.event}`)
    if (count === 1) console.log('expires', await cache.expire(`events of ${event.event}`, 60))
}
export async function runEveryMinute({ cache, config }) {
    const count = (await cache.get('events of bought', 0)) ?? 0
    console.warn(await cache.get('nothing'), await cache.get('nothing', 'the default'))
    if (count < Number(config.least)) await posthog.capture('too few', { count, least: config.least })
}
export async function teardownPlugin({ cache }) { await cache.set('torn', 'down') }
