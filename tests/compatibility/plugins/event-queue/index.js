class Queue {
    items = []
    static #made = 0
    constructor(cache) { this.cache = cache; Queue.#made++ }
    async push(...items) { return await this.cache.lpush('queue', items) }
    async take(count = 1) { return await this.cache.lpop('queue', count) }
    get made() { return Queue.#made }
}
export async function onEvent(event, { cache }) {
    const queue = new Queue(cache)
    await queue.push('a', 'b', 'a')
    const removed = await cache.lrem('queue', 1, 'a')
    console.log(removed, await queue.take(), await cache.lrange('queue', 0, -1), queue.made, queue?.items?.length ?? 'none')
}
