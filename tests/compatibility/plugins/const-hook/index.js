const processEvent = (event) => {
    event.properties.found = true
    return event
}
