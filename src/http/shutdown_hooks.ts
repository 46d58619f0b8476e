// What else must end when a worker shuts down: idle upstream connections would keep it alive. Upstream code registers,
// the server calls; neither imports the other.

const hooks: (() => void)[] = []

/** `hook` closes what is idle; called at graceful and at fast shutdown. */
export function onShutdown(hook: () => void): void {
  hooks.push(hook)
}

export function closeIdleUpstreams(): void {
  for (const hook of hooks) hook()
}
