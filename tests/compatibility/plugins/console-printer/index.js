export function setupPlugin() {
    console.log('text', 1, null, undefined, { a: [1] }, [1, { b: 2 }], new Error('e'), new Map())
    console.debug('d'); console.info('i'); console.warn('w'); console.error('e')
    const cyclic = {}; cyclic.self = cyclic
    console.log(cyclic)
}
