import { RetryError } from '@posthog/plugin-scaffold'
export function setupPlugin({ global }) { global.ready = typeof RetryError }
module.exports.processEvent = (event, { global }) => {
    event.properties.ready = global.ready
    return event
}
