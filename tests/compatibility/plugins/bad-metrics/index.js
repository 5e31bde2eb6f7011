export const metrics = { odd: 'average' }
export const processEvent = (event) => event
