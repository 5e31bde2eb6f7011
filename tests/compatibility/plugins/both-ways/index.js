export const processEvent = (event) => { event.properties.by = 'one'; return event }
export const processEventBatch = (events) => events.map((event) => ({ ...event, properties: { by: 'batch' } }))
