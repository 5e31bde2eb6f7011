export function defineInternalGlobals(): void {}
