// Sends what happened to a data plane in batches that it gathers itself.
import { createBuffer } from '@posthog/plugin-contrib'

export async function setupPlugin({ config, global, jobs }) {
    global.auth = `Basic ${Buffer.from(`${config.writeKey}:`).toString('base64')}`
    global.buffer = createBuffer({
        limit: 2000,
        timeoutSeconds: 0.2,
        onFlush: async (batch) => {
            await send({ batch, retries: 0 }, { config, global, jobs })
        },
    })
}

async function send(payload, { config, global, jobs }) {
    try {
        const response = await fetch(`${config.dataPlaneUrl}/v1/batch`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json', Authorization: global.auth },
            body: JSON.stringify({ batch: payload.batch, sentAt: new Date().toISOString() }),
            timeout: 500,
        })
        if (response.status !== 200) {
            throw new Error(`status ${response.status}`)
        }
    } catch (error) {
        if (payload.retries >= 15) {
            return console.error('gave up')
        }
        await jobs.send({ ...payload, retries: payload.retries + 1 }).runIn(200, 'milliseconds')
    }
}

export const jobs = { send }

export function onEvent(event, { global }) {
    const message = {
        type: event.event === '$identify' ? 'identify' : 'track',
        event: event.event,
        userId: event.distinct_id,
        messageId: event.uuid,
        properties: event.properties,
        channel: 's2s',
    }
    global.buffer.add(message, JSON.stringify(message).length)
}

export async function teardownPlugin({ global }) {
    await global.buffer.flush()
}
