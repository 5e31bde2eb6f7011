import { Plugin, PluginMeta } from '@posthog/plugin-scaffold'

type FilterPlugin = Plugin<{
    config: { names: string; mode: 'keep' | 'drop' }
    global: { names: Set<string> }
}>

export const setupPlugin: FilterPlugin['setupPlugin'] = ({ config, global }) => {
    global.names = new Set((config.names ?? '').split(',').map((name: string) => name.trim()))
}

export function processEvent(event: any, { config, global }: PluginMeta<FilterPlugin>) {
    const listed = global.names.has(event.event)
    if (listed === (config.mode === 'keep')) return event
}
