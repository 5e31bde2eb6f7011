import { Plugin, RetryError } from '@posthog/plugin-scaffold'
type Row = { uuid: string; event: string; properties: string; at: string }

const toRow = ({ uuid, event, properties, timestamp, now }: any): Row => ({ uuid, event, properties: JSON.stringify(properties ?? {}), at: timestamp || now })

export const exportEvents: Plugin['exportEvents'] = async (events, { config }) => {
    const rows = events.filter(({ event }) => !event.startsWith('$feature')).map(toRow)
    if (!rows.length) return
    let response
    try {
        response = await fetch(`${config.host}/insert/${config.table}`, { method: 'POST', body: rows.map((row) => JSON.stringify(row)).join('\n') })
    } catch (error) {
        throw new RetryError(`cannot be reached: ${(error as Error).name}`)
    }
    if (!response.ok) throw response.status >= 500 ? new RetryError(`status ${response.status}`) : new Error(await response.text())
}
