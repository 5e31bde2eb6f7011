import { clamp } from '../clamp.js'
export const scoreOf = (event: any, weights: Record<string, number>): number => clamp(weights[event.event] ?? 0)
