export async function runEveryMinute({ utils, storage }) {
    await utils.cursor.init('page')
    await utils.cursor.init('from', 100)
    console.log(await utils.cursor.increment('page'), await utils.cursor.increment('from', 50), await storage.get('from'))
}
