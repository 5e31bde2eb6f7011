// Exports batches of events to Google Cloud Storage as CSV, through a stream.
import { randomBytes } from 'crypto'
import { PassThrough } from 'stream'
import { Bucket, Storage } from '@google-cloud/storage'
import { Plugin, PluginEvent, PluginMeta, RetryError } from '@posthog/plugin-scaffold'

type StorageMeta = PluginMeta<Plugin<{
    global: { bucket: Bucket }
    config: { bucketName: string; apiEndpoint: string }
}>>

const quote = (value: unknown) => `"${String(value).replace(/"/g, '""')}"`

export async function setupPlugin({ attachments, global, config }: StorageMeta) {
    const credentials = JSON.parse(attachments.googleCloudKeyJson.contents.toString())
    const storage = new Storage({
        projectId: credentials['project_id'],
        credentials,
        apiEndpoint: config.apiEndpoint,
        retryOptions: { autoRetry: false },
    })
    global.bucket = storage.bucket(config.bucketName)
}

export async function exportEvents(events: PluginEvent[], { global }: StorageMeta) {
    const csv = events.map((event) => [event.uuid, event.event, JSON.stringify(event.properties)].map(quote).join(','))
    const file = global.bucket.file(`${new Date().toISOString().slice(0, 10)}/${randomBytes(8).toString('hex')}.csv`)
    const lines = new PassThrough()
    lines.write(csv.join('\n'))
    lines.end()
    try {
        await new Promise((resolve, reject) =>
            lines.pipe(file.createWriteStream({ resumable: false })).on('error', reject).on('finish', resolve)
        )
    } catch (error) {
        console.error(`Uploading to Cloud Storage failed: ${error.message}`)
        throw new RetryError()
    }
}
