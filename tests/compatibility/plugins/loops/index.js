function work() {
    const seen = []
    outer: for (let i = 0; i < 4; i++) {
        for (let j = 0; j < 3; j++) {
            if (j === 1) continue outer
            if (i === 3) break outer
            seen.push(i * 10 + j)
        }
    }
    let n = 0
    while (true) { n++; if (n % 2) continue; if (n > 5) break; seen.push(n) }
    do seen.push(n--); while (n > 4)
    for (const key in { a: 1 }) seen.push(key)
    for (const value of new Set([9])) seen.push(value)
    return seen
}
export const processEvent = (event) => { event.properties.seen = work(); return event }
