export function processEvent(event, { config }) {
    if (!event.properties) return
    for (const name of config.properties.split(',')) {
        const version = event.properties[name]
        if (!version) continue
        const [, major, minor, patch, , rest] = /^(\d+)\.(\d+)\.(\d+)([-+](.*))?$/.exec(version) ?? []
        if (major === undefined) continue
        event.properties[`${name}__major`] = Number(major)
        event.properties[`${name}__minor`] = Number(minor)
        event.properties[`${name}__patch`] = Number(patch)
        if (rest) event.properties[`${name}__preRelease`] = rest
    }
    return event
}
