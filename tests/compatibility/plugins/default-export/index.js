export default {
    processEvent: (event) => ({ ...event, properties: { ...event.properties, by: 'default' } }),
}
