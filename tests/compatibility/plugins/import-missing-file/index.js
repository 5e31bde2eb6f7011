import { a } from './missing'
export const processEvent = (event) => a(event)
