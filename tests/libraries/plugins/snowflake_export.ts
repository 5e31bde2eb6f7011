// Exports events to Snowflake by INSERT, over pooled connections.
import { createPool, Pool } from 'generic-pool'
import * as snowflake from 'snowflake-sdk'
import { Plugin, PluginEvent, PluginMeta, RetryError } from '@posthog/plugin-scaffold'

type SnowflakeMeta = PluginMeta<Plugin<{
    global: { sink: Snowflake }
    config: {
        account: string
        username: string
        password: string
        database: string
        schema: string
        table: string
        accessUrl: string
    }
}>>

class Snowflake {
    private pool: Pool<snowflake.Connection>

    constructor(private readonly options: SnowflakeMeta['config']) {
        this.pool = createPool(
            {
                create: async () => {
                    const connection = snowflake.createConnection({
                        account: options.account,
                        username: options.username,
                        password: options.password,
                        database: options.database,
                        schema: options.schema,
                        accessUrl: options.accessUrl,
                    })
                    await new Promise<void>((resolve, reject) =>
                        connection.connect((error) => (error ? reject(error) : resolve()))
                    )
                    return connection
                },
                destroy: async (connection) => {
                    await new Promise<void>((resolve, reject) =>
                        connection.destroy((error) => (error ? reject(error) : resolve()))
                    )
                },
            },
            { min: 0, max: 1, autostart: true, fifo: true }
        )
    }

    async execute(sqlText: string, binds?: any[]): Promise<any[]> {
        const connection = await this.pool.acquire()
        try {
            return await new Promise((resolve, reject) =>
                connection.execute({
                    sqlText,
                    binds,
                    complete: (error, _statement, rows) => (error ? reject(error) : resolve(rows ?? [])),
                })
            )
        } finally {
            await this.pool.release(connection)
        }
    }

    async clear() {
        await this.pool.drain()
        await this.pool.clear()
    }
}

export async function setupPlugin({ config, global }: SnowflakeMeta) {
    global.sink = new Snowflake(config)
    await global.sink.execute(
        `CREATE TABLE IF NOT EXISTS "${config.database}"."${config.schema}"."${config.table}" ("uuid" STRING, "properties" VARIANT)`
    )
}

export async function exportEvents(events: PluginEvent[], { config, global }: SnowflakeMeta) {
    try {
        await global.sink.execute(
            `INSERT INTO "${config.database}"."${config.schema}"."${config.table}" VALUES (?, ?)`,
            events.map((event) => [event.uuid, JSON.stringify(event.properties)])
        )
    } catch (error) {
        console.error(`Error inserting into Snowflake: ${error.message}`)
        throw new RetryError(error.message)
    }
}

export async function teardownPlugin({ global }: SnowflakeMeta) {
    await global.sink.clear()
}
