import * as everything from '@posthog/plugin-scaffold'
import scaffold from '@posthog/plugin-scaffold'
import fetchIt, { FetchError, Headers } from 'node-fetch'
export { URL as Address } from 'url'
const required = require('@posthog/plugin-scaffold')

export async function processEvent(event) {
    const late = await import('@posthog/plugin-scaffold')
    event.properties.same = [everything, scaffold, required, late].map(({ RetryError: each }) => each === RetryError)
    event.properties.fetch = [fetchIt === fetch, typeof FetchError, typeof Headers].slice(0, 3)
    return event
}
