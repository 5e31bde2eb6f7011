import type { PluginEvent } from '@posthog/plugin-scaffold'
interface Rule { required: string[]; types: Record<string, string> }
let schema: Record<string, Rule>

export function setupPlugin({ attachments }: any): void {
    if (!attachments.schema) throw new Error('No schema file was uploaded')
    schema = JSON.parse(attachments.schema.contents.toString())
}

export async function processEvent(event: PluginEvent): Promise<PluginEvent | undefined> {
    const rule = schema[event.event]
    if (!rule) return event
    const properties = event.properties!
    for (const name of rule.required) if (!(name in properties)) return undefined
    for (const [name, type] of Object.entries(rule.types)) {
        if (name in properties && typeof properties[name] !== type) return undefined
    }
    return event
}
