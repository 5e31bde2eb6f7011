import fetch from 'node-fetch'
const isEmail = (text) => /^(?<=^)[^@\s]+@[^@\s]+\.\w+$/.test(text)

export async function setupPlugin({ config, global }) {
    global.fields = Object.fromEntries((config.fields || '').split(',').filter(Boolean).map((pair) => pair.split('=')))
}
export async function onEvent(event, { config, global }) {
    if (event.event !== '$identify') return
    const email = event.$set?.email ?? event.properties?.$set?.email ?? event.distinct_id
    if (!isEmail(email)) return
    const contact = { email }
    for (const [from, to] of Object.entries(global.fields)) contact[to] = event.$set?.[from] ?? null
    await fetch(`${config.host}/v3/contacts`, { method: 'PUT', headers: { Authorization: `Bearer ${config.key}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ contacts: [contact] }) })
}
