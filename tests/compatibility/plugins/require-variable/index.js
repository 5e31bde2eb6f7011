const name = undefined
require(name)
module.exports = { processEvent: (event) => event }
