export async function setupPlugin({ global, config }) { global.base = Number(config.start ?? 0) }
export async function processEvent(event, meta) {
    const counter = await meta.cache.get('greeting_counter', meta.global.base)
    await meta.cache.set('greeting_counter', counter + 1)
    event.properties.greeting = `${meta.config.greeting} ${counter}`
    event.properties.meta = Object.keys(meta).sort()
    return event
}
