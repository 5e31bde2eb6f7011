// Posts batches to a webhook, compressed, and tells apart why that failed.
import fetch, { FetchError } from 'node-fetch'
import { createHmac } from 'crypto'
import { gzipSync } from 'zlib'
import { URL } from 'url'
import { RetryError } from '@posthog/plugin-scaffold'

export async function exportEvents(events, { config, metrics }) {
    const body = gzipSync(JSON.stringify(events.map(({ properties }) => properties.number)))
    try {
        const response = await fetch(new URL('/hook?source=posthog', config.url), {
            method: 'POST',
            headers: {
                'content-encoding': 'gzip',
                'x-signature': createHmac('sha256', config.secret).update(body).digest('hex'),
            },
            body,
            timeout: 500,
        })
        if (!response.ok) {
            throw new RetryError(`status ${response.status}`)
        }
    } catch (error) {
        if (error instanceof FetchError) {
            console.error(`fetch: ${error.type}`)
            throw new RetryError(error.message)
        }
        throw error
    }
}
