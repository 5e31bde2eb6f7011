// Replaces what tells who somebody is by what was made up, the same for the same person.
import { createHash } from 'crypto'
import faker from 'faker'
import url from 'url'

const MADE_UP = {
    email: () => faker.internet.email(),
    name: () => faker.name.findName(),
    phone: () => faker.phone.phoneNumber(),
}

export function processEvent(event, { config }) {
    const digest = createHash('sha256').update(`${config.salt}${event.distinct_id}`).digest()
    for (const [key, makeUp] of Object.entries(MADE_UP)) {
        if (event.properties && key in event.properties) {
            faker.seed(digest.readUInt32BE(0))
            event.properties[key] = makeUp()
        }
    }
    const address = event.properties?.$current_url
    if (address) {
        const parsed = url.parse(address, true)
        delete parsed.query.email
        event.properties.$current_url = url.format({ ...parsed, search: undefined })
    }
    event.distinct_id = digest.toString('hex').slice(0, 16)
    return event
}
