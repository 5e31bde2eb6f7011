import { RetryError } from '@posthog/plugin-scaffold'

export const jobs = {
    'Clear storage': async (payload: any, { storage }: any) => {
        await storage.set('next', undefined)
        console.log('cleared by', payload.$operation)
    },
    load: async ({ after }: any, { config, storage, jobs }: any) => {
        const response = await fetch(`${config.host}/contacts?after=${after ?? ''}`)
        if (response.status >= 500) throw new RetryError(new Error(`status ${response.status}`) as any)
        const { contacts, next } = await response.json()
        await Promise.all(contacts.map((contact: any) => posthog.capture('score', contact)))
        await storage.set('next', next)
        if (next) await jobs.load({ after: next }).runIn(5, 'milliseconds')
    },
}
export async function runEveryDay({ jobs }: any) { await jobs.load({}).runNow() }
declare const posthog: any
