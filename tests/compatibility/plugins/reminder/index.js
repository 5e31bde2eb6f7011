export const jobs = { remind: async ({ who }, { storage }) => { await storage.set(who, 'reminded') } }
export async function onEvent(event, { jobs }) {
    await jobs.remind({ who: event.distinct_id }).runNow()
    await jobs.remind({ who: event.distinct_id }).runIn(2, 'months')
    await jobs.remind({ who: event.distinct_id }).runIn(1, 'week')
    await jobs.remind({ who: event.distinct_id }).runAt(new Date('2030-01-01T00:00:00Z'))
    await jobs.remind({}).runIn(1, 'fortnight').catch(({ message }) => console.log(message))
    const cyclic = {}; cyclic.self = cyclic
    await jobs.remind(cyclic).runNow().catch(({ message }) => console.log(message.split('\n')[0]))
}
