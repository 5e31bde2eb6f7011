enum Status { Unknown, Seen = 2, Known = 'known' }
const enum Limit { Key = 200 }

export async function onEvent({ event, distinct_id }: any, { storage }: any) {
    const key = `customer-status/${distinct_id}`
    const before = await storage.get(key, Status.Unknown)
    await storage.set(key, event === '$identify' ? Status.Known : before === Status.Known ? before : Status.Seen)
    console.log(Status[Status.Seen], Limit.Key)
}
