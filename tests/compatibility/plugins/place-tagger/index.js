export async function processEvent(event, { geoip }) {
    try {
        const place = await geoip.locate(event.ip)
        event.properties.$geoip_city = place?.city?.names?.en ?? null
    } catch (error) {
        event.properties.why = typeof error.message
    }
    return event
}
