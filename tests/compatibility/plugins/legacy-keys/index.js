module.exports = {
    schedule: { every: '5 minutes' },
    webHooks: [],
    getSettings: () => ({ handlesLargeBatches: true }),
    runEveryFortnight: () => { throw new Error('never called') },
    processEvent: (event) => event,
}
