export const clamp = (number) => Math.max(0, Math.min(10, number))
