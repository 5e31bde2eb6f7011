// Imports rows of a table as events, a page every minute, with its place kept in storage.
import { Client } from 'pg'

export async function runEveryMinute({ config, storage }) {
    const client = new Client({ connectionString: config.databaseUrl })
    await client.connect()
    try {
        const offset = await storage.get('offset', 0)
        const { rows } = await client.query(
            `SELECT * FROM ${config.tableName.replace(/\W/g, '')} ORDER BY id OFFSET $1 LIMIT $2`,
            [offset, Number(config.pageSize)]
        )
        for (const { id, name, price, bought_at: boughtAt } of rows) {
            posthog.capture('imported ' + name, { distinct_id: `buyer ${id}`, price, timestamp: boughtAt.toISOString() })
        }
        await storage.set('offset', offset + rows.length)
        console.log(`imported ${rows.length}`)
    } finally {
        await client.end()
    }
}
