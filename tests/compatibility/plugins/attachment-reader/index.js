async function setupPlugin({ attachments, global }) {
    const { contents, content_type, file_name } = attachments.list
    global.facts = {
        isBuffer: Buffer.isBuffer(contents),
        text: contents.toString(),
        parsed: JSON.parse(contents),
        copy: Buffer.from(contents).toString('base64'),
        names: [content_type, file_name],
        missing: attachments.other === undefined,
    }
}
function processEvent(event, { global }) {
    event.properties.facts = global.facts
    return event
}
module.exports = { setupPlugin, processEvent }
