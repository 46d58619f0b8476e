import { describe, expect, it } from 'vitest'
import { child } from './child.ts'

// The addon is loaded once per thread. A thread that ends must take its watchers along while the others' go on.

/** Runs `threadScript` in a worker thread of a child; both have `addon`, `say` and `port` (a MessagePort to each other). */
function childWithThread(mainScript: string, threadScript: string): ReturnType<typeof child> {
  return child(`
    const { Worker } = require('node:worker_threads')
    const prelude = 'const addon = require(' + JSON.stringify(Object.keys(require.cache).find((name) => name.endsWith('.node'))) + ');' +
      'const say = (value) => require("node:fs").writeSync(1, JSON.stringify(value) + "\\\\n");' +
      'const port = require("node:worker_threads").parentPort;'
    const thread = new Worker(prelude + ${JSON.stringify(threadScript)}, { eval: true })
    ${mainScript}`)
}

const OPEN_EVERYTHING = `
  const [a, b] = addon.createChannel()
  const [c, d] = addon.createChannel()
  addon.watchChannel(a, (command) => port.postMessage(command), () => {})
  addon.watchEnd(c, () => {})
  addon.watchSignals([12], () => {})
  const listener = addon.openListeningSocket({ family: 'inet', address: '127.0.0.1', port: 0, backlog: 5, reuseport: false, ipv6only: false })
  addon.createAcceptor(listener, { maxPerTurn: 1, counters: new Int32Array(1), slot: 0, restMs: 500 }, () => {}, () => {}).start()
  addon.mapShared(addon.createSharedMemory('thread', 4096), 4096)
`

describe('a worker thread', () => {
  it('has watchers of its own', async () => {
    const running = childWithThread(
      `thread.on('message', (command) => { say(command); process.exit() })`,
      `${OPEN_EVERYTHING}; addon.writeChannel(b, 77, 0, 0, -1)`,
    )
    expect(await running.next()).toBe(77)
    expect(await running.exited()).toEqual({ code: 0, signal: null })
  })

  it.each(['process.exit()', 'setTimeout(() => { throw new Error("over") })'])(
    'that ends by %s with everything open leaves the process whole',
    async (end) => {
      const running = childWithThread(
        `const [a, b] = addon.createChannel()
        const watch = addon.watchChannel(a, (command) => { say(command); watch.close() }, () => {})
        thread.on('error', () => {})
        thread.on('exit', () => {
          addon.watchSignals([12], () => {}).close()
          addon.writeChannel(b, 78, 0, 0, -1)
        })`,
        `${OPEN_EVERYTHING}; ${end}`,
      )
      expect(await running.next()).toBe(78)
      expect(await running.exited()).toEqual({ code: 0, signal: null })
    },
  )

  it('can be terminated while a callback of a watcher runs', async () => {
    const running = childWithThread(
      `thread.on('message', () => thread.terminate().then(() => say('terminated')))`,
      `const [a, b] = addon.createChannel()
      addon.watchChannel(a, () => { port.postMessage(1); for (;;) {} }, () => {})
      for (let i = 0; i < 10; i++) addon.writeChannel(b, i, 0, 0, 1)`,
    )
    expect(await running.next()).toBe('terminated')
    expect(await running.exited()).toEqual({ code: 0, signal: null })
  })
})

describe('a process', () => {
  it.each(['process.exit()', 'setTimeout(() => process.exit(), 10)', 'addon.close(listener); throw new Error("over")'])(
    'that ends by %s with everything open ends cleanly',
    async (end) => {
      const running = child(`const port = { postMessage() {} }; ${OPEN_EVERYTHING}; ${end}`)
      const { code, signal } = await running.exited()
      expect({ code, signal }).toEqual({ code: end.includes('throw') ? 1 : 0, signal: null })
    },
  )
})
