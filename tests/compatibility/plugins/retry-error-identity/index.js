const { RetryError: Imported } = require('@posthog/plugin-scaffold')
module.exports.processEvent = (event) => {
    const error = new RetryError('later')
    event.properties.facts = [Imported === RetryError, error.name, error instanceof Error, String(error)]
    return event
}
