export async function runEveryHour({ cache, config }) {
    if ((await cache.llen('ratings')) >= 3) return
    const response = await fetch(`${config.host}/ratings`)
    await cache.lpush('ratings', (await response.json()).map((each) => JSON.stringify(each)))
    await cache.expire('ratings', 60)
    const latest = await cache.lrange('ratings', 0, 1)
    console.log(latest.map((text) => JSON.parse(text).stars))
}
