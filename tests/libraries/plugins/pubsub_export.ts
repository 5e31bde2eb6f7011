// Publishes every event to a Pub/Sub topic.
import { PubSub, Topic } from '@google-cloud/pubsub'
import { Plugin, PluginEvent, PluginMeta, RetryError } from '@posthog/plugin-scaffold'

type PubSubMeta = PluginMeta<Plugin<{
    global: { topic: Topic }
    config: { topicId: string; apiEndpoint: string }
}>>

export async function setupPlugin({ attachments, global, config }: PubSubMeta) {
    const credentials = JSON.parse(attachments.googleCloudKeyJson.contents.toString())
    const client = new PubSub({
        projectId: credentials['project_id'],
        credentials,
        apiEndpoint: config.apiEndpoint,
        emulatorMode: true,
    })
    global.topic = client.topic(config.topicId, { gaxOpts: { timeout: 1500, retry: null } })
    const [exists] = await global.topic.exists()
    if (!exists) {
        throw new Error(`there is no topic ${config.topicId}`)
    }
}

export async function exportEvents(events: PluginEvent[], { global }: PubSubMeta) {
    try {
        await Promise.all(
            events.map((event) => global.topic.publishMessage({
                data: Buffer.from(JSON.stringify(event)),
                attributes: { event: event.event },
            }))
        )
    } catch (error) {
        console.error(`Error publishing ${events.length} events: ${error.message}`)
        throw new RetryError(`Error publishing to Pub/Sub! ${error.message}`)
    }
}
