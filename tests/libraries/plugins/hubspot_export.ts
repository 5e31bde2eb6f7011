// Makes contacts out of identified visitors; the key is checked while it is set up.
import { RetryError } from '@posthog/plugin-scaffold'

const fields = { email: 'email', companyName: 'company', phone: 'phone' }

export async function setupPlugin({ config, global }) {
    global.send = async (path, init = {}) => {
        try {
            return await fetch(`${config.api}${path}?hapikey=${config.hubspotApiKey}`, init)
        } catch (error) {
            throw new RetryError(error)
        }
    }
    const auth = await global.send('/crm/v3/objects/contacts')
    if (auth.status < 200 || auth.status > 299) {
        throw new Error('Unable to connect to Hubspot. Please make sure your API key is correct.')
    }
}

export async function onEvent(event, { global, storage }) {
    if (event.event !== '$identify') {
        return
    }
    const properties = {}
    for (const [from, to] of Object.entries(fields)) {
        const value = event.properties.$set?.[from]
        if (value) {
            properties[to] = value
        }
    }
    if (!properties.email || (await storage.get(`contact-${properties.email}`))) {
        return
    }
    const response = await global.send('/crm/v3/objects/contacts', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ properties }),
    })
    const { id, message } = await response.json()
    if (response.status === 409) {
        return console.log(`known already: ${message}`)
    }
    await storage.set(`contact-${properties.email}`, id)
}
