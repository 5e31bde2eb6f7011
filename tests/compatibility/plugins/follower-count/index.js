'use strict'
export async function setupPlugin({ config }) {
    config.handle = config.handle.replace('@', '')
}
export async function runEveryMinute({ cache, config }) {
    const response = await fetch(`${config.api}/users?names=${config.handle}`)
    const [{ followers }] = await response.json()
    const before = await cache.get('followers', 0)
    if (before === followers) return
    cache.set('followers', followers)
    posthog.capture('followers', { followers, strength: followers > before ? 'up' : 'down' })
}
