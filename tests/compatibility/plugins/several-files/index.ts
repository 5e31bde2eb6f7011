import { scoreOf } from './scores/score'
import weights from './scores/weights.json'
export const processEvent = (event: any) => ({ ...event, properties: { ...event.properties, score: scoreOf(event, weights) } })
