export function processEvent(event) {
    const there = ['Buffer', 'URL', 'fetch', 'posthog', 'console', 'RetryError', 'global', 'globalThis', 'Intl', 'eval', 'Function', 'URLSearchParams', 'TextEncoder', 'btoa', 'setTimeout']
    const gone = ['process', 'Deno', 'Worker', 'localStorage', 'caches', 'WebSocket', 'BroadcastChannel', 'SharedArrayBuffer', 'Atomics', 'WebAssembly', 'performance', 'navigator']
    event.properties.missing = there.filter((name) => eval(`typeof ${name}`) === 'undefined')
    event.properties.present = gone.filter((name) => eval(`typeof ${name}`) !== 'undefined')
    event.properties.same = [global === globalThis, typeof module, typeof exports, typeof require]
    event.properties.sloppy = (function () { return this !== undefined })()
    undeclared = 1
    return event
}
