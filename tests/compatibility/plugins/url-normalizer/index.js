function normalize(url) {
    try {
        const parsed = new URL(url.toLowerCase())
        parsed.pathname = parsed.pathname.replace(/\/+$/, '')
        return parsed.toString()
    } catch {
        throw `Unable to normalize invalid URL: "${url}"`
    }
}
export function processEvent(event) {
    const url = event.properties?.$current_url
    if (!url) return event
    const normalized = normalize(url)
    console.debug(`${url} -> ${normalized}`)
    event.properties.$current_url = normalized
    return event
}
