// Exports events into a table of a Postgres database, one INSERT per batch.
import { Client } from 'pg'
import { Plugin, PluginEvent, PluginMeta, RetryError } from '@posthog/plugin-scaffold'

type PostgresMeta = PluginMeta<Plugin<{
    global: { tableName: string; ignored: Set<string> }
    config: {
        databaseUrl: string
        tableName: string
        hasSelfSignedCert: 'Yes' | 'No' | 'None'
        eventsToIgnore: string
    }
}>>

const COLUMNS = ['uuid', 'event', 'properties', 'distinct_id', 'team_id', 'timestamp']

const sanitize = (name: string) => name.replace(/[^\w\d_]+/g, '')

async function query(sql: string, values: any[], config: PostgresMeta['config']): Promise<Error | null> {
    const client = new Client({
        connectionString: config.databaseUrl,
        ssl: config.hasSelfSignedCert === 'None' ? false : { rejectUnauthorized: config.hasSelfSignedCert !== 'Yes' },
        connectionTimeoutMillis: 2000,
        query_timeout: 2000,
    })
    try {
        await client.connect()
        await client.query(sql, values)
        return null
    } catch (error) {
        return error as Error
    } finally {
        await client.end().catch(() => {})
    }
}

export async function setupPlugin({ config, global }: PostgresMeta) {
    global.tableName = sanitize(config.tableName)
    const error = await query(
        `CREATE TABLE IF NOT EXISTS public.${global.tableName} (
            uuid varchar(200), event varchar(200), properties jsonb,
            distinct_id varchar(200), team_id int, timestamp timestamptz
        )`,
        [],
        config
    )
    if (error) {
        throw new Error(`Unable to connect to PostgreSQL instance and create table with error: ${error.message}`)
    }
}

export async function exportEvents(events: PluginEvent[], { global, config }: PostgresMeta) {
    const values: any[] = []
    const rows = events.map((event) => {
        values.push(
            event.uuid,
            event.event,
            JSON.stringify(event.properties),
            event.distinct_id,
            event.team_id,
            event.timestamp ?? event.now
        )
        return `(${COLUMNS.map((_, index) => `$${values.length - COLUMNS.length + index + 1}`).join(', ')})`
    })
    const error = await query(
        `INSERT INTO public.${global.tableName} (${COLUMNS.join(', ')}) VALUES ${rows.join(', ')}`,
        values,
        config
    )
    if (error) {
        console.error(`Error uploading to PostgreSQL: ${error.message}`)
        throw new RetryError()
    }
}
