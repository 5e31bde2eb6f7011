// Streams batches to a server as lines, compressed on their way.
import { PassThrough, Readable } from 'stream'
import { createGzip } from 'zlib'
import fetch from 'node-fetch'

export async function exportEvents(events, { config }) {
    const lines = Readable.from(events.map(({ properties }) => `${properties.number}\n`))
    const body = lines.pipe(createGzip()).pipe(new PassThrough())
    let response
    try {
        response = await fetch(config.url, { method: 'PUT', body })
    } catch (error) {
        throw new RetryError(`${error.name}: ${error.message}`)
    }
    const answer = await response.buffer()
    if (!response.ok) {
        throw new RetryError(`${response.status} ${answer.toString()} ${JSON.stringify(response.headers.raw())}`)
    }
}
