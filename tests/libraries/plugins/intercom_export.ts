// Tells Intercom of events of the people that it knows.
export async function onEvent(event, { config }) {
    if (!config.triggeringEvents.split(',').includes(event.event)) {
        return
    }
    const email = event.properties['$set']?.email ?? event.properties.email ?? null
    if (!email) {
        return
    }
    const found = await request(config, 'POST', '/contacts/search', {
        query: { field: 'email', operator: '=', value: email },
    })
    if (!found || found.total_count === 0) {
        return console.log(`nobody is known by ${email}`)
    }
    await request(config, 'POST', '/events', {
        event_name: event.event,
        created_at: Math.floor(new Date(event.timestamp ?? event.now).getTime() / 1000),
        email,
        id: found.data[0].id,
        metadata: event.properties,
    })
}

async function request(config, method, path, body) {
    const response = await fetch(`${config.api}${path}`, {
        method,
        headers: {
            'Content-Type': 'application/json',
            Accept: 'application/json',
            Authorization: `Bearer ${config.accessToken}`,
        },
        body: JSON.stringify(body),
    })
    if (!statusOk(response)) {
        console.error(`Intercom answered ${response.status}: ${(await response.text()).slice(0, 100)}`)
        return null
    }
    return await response.json()
}

function statusOk(response) {
    return String(response.status)[0] === '2'
}
