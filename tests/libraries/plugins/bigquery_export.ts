// Exports events to a BigQuery table, which it makes if it is not there.
import { createBuffer } from '@posthog/plugin-contrib'
import { Plugin, PluginEvent, PluginMeta, RetryError } from '@posthog/plugin-scaffold'
import { BigQuery, Table, TableField, TableMetadata } from '@google-cloud/bigquery'
import { FetchError } from 'node-fetch'

type BigQueryPlugin = Plugin<{
    global: { client: BigQuery; table: Table; fields: TableField[] }
    config: { datasetId: string; tableId: string; apiEndpoint: string }
}>

export const setupPlugin: BigQueryPlugin['setupPlugin'] = async (meta) => {
    const { global, attachments, config } = meta
    if (!attachments.googleCloudKeyJson) {
        throw new Error('JSON config not provided!')
    }
    const credentials = JSON.parse(attachments.googleCloudKeyJson.contents.toString())
    global.client = new BigQuery({
        projectId: credentials['project_id'],
        credentials,
        autoRetry: false,
        apiEndpoint: config.apiEndpoint,
    })
    // The address of Google's tokens cannot be configured: a token that is there already stands in.
    global.client.authClient.authorizeRequest = async (options) => ({
        ...options,
        headers: { ...options.headers, Authorization: 'Bearer given' },
    })
    global.table = global.client.dataset(config.datasetId).table(config.tableId)
    global.fields = [
        { name: 'uuid', type: 'STRING' },
        { name: 'event', type: 'STRING' },
        { name: 'properties', type: 'STRING' },
        { name: 'timestamp', type: 'TIMESTAMP' },
    ]
    try {
        const [metadata]: TableMetadata[] = await global.table.getMetadata()
        if (!metadata.schema?.fields) {
            throw new Error('Can not get metadata for table. Please check if the table schema is defined.')
        }
    } catch (error) {
        if (!error.message.includes('Not found')) {
            throw new Error(error)
        }
        await global.client.dataset(config.datasetId).createTable(config.tableId, {
            schema: global.fields.map(({ name, type }) => `${name}:${type}`).join(','),
        })
    }
}

export async function exportEvents(events: PluginEvent[], { global }: PluginMeta<BigQueryPlugin>) {
    const rows = events.map((event) => ({
        insertId: event.uuid,
        json: {
            uuid: event.uuid,
            event: event.event,
            properties: JSON.stringify(event.properties || {}),
            timestamp: event.timestamp ?? event.now,
        },
    }))
    try {
        await global.table.insert(rows, {
            createInsertId: false,
            partialRetries: 0,
            raw: true,
        })
    } catch (error) {
        if (error instanceof FetchError) {
            console.error('unreachable by fetch')
        }
        console.error(`Error inserting into BigQuery: ${error.message}`)
        throw new RetryError(`Error inserting into BigQuery! ${JSON.stringify(error.errors)}`)
    }
}
