import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Acceptor, addon, type ListenOptions } from '../../../src/native/addon.ts'
import { waitFor } from '../../harness/wait_for.ts'
import { type Child, child } from './child.ts'
import { flagsOf } from './descriptors.ts'

const LISTEN: ListenOptions = {
  family: 'inet',
  address: '127.0.0.1',
  port: 0,
  backlog: 511,
  reuseport: false,
  ipv6only: false,
}

interface Accepted {
  readonly fd: number
  readonly address: string
  readonly port: number
  readonly binary: string
}

/** Where the addresses and paths of `options` lead to. */
function target(listener: number): { port: number; host: string } | { path: string } {
  const name = addon.socketName(listener)
  return name.family === 'unix' ? { path: name.address } : { host: name.address, port: name.port }
}

async function clients(listener: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(target(listener)))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) socket.on('error', () => undefined)
  await waitFor('connections', () => sockets.every((socket) => !socket.connecting))
  return sockets
}

function listen(options: Partial<ListenOptions> = {}): number {
  const listener = addon.openListeningSocket({ ...LISTEN, ...options })
  onTestFinished(() => closeSync(listener))
  return listener
}

/** An acceptor of this process that is closed at the end of the test, with what it accepted. */
function accepting(
  listener: number,
  options: { maxPerTurn?: number; counters?: Int32Array; slot?: number } = {},
  onConnection: (accepted: Accepted, acceptor: Acceptor) => void = () => undefined,
): { acceptor: Acceptor; accepted: Accepted[]; errors: string[] } {
  const accepted: Accepted[] = []
  const errors: string[] = []
  const acceptor = addon.createAcceptor(
    listener,
    { maxPerTurn: 16, counters: new Int32Array(1), slot: 0, restMs: 500, ...options },
    (fd, address, port, binary) => {
      accepted.push({ fd, address, port, binary })
      onConnection({ fd, address, port, binary }, acceptor)
    },
    (code, errno) => errors.push(`${code} ${errno}`),
  )
  onTestFinished(() => {
    acceptor.close()
    for (const { fd } of accepted) closeSync(fd)
  })
  return { acceptor, accepted, errors }
}

describe('an acceptor', () => {
  it.each([
    { family: 'inet', address: '127.0.0.1', text: '127.0.0.1', binary: '\x7f\0\0\x01' },
    { family: 'inet6', address: '::1', text: '::1', binary: `${'\0'.repeat(15)}\x01` },
    {
      family: 'inet6',
      address: '::ffff:127.0.0.1',
      text: '::ffff:127.0.0.1',
      binary: `${'\0'.repeat(10)}\xff\xff\x7f\0\0\x01`,
    },
  ] as const)('tells the peer of an $family connection to $address', async ({ family, address, text, binary }) => {
    const listener = listen({ family, address })
    const { acceptor, accepted } = accepting(listener)
    acceptor.start()
    const [client] = await clients(listener, 1)
    await waitFor('the connection', () => accepted.length === 1)
    expect(accepted[0]).toMatchObject({ address: text, port: client?.localPort, binary })
    expect(flagsOf(accepted[0]?.fd ?? -1)).toEqual({ nonblocking: true, closeOnExec: true })
  })

  it('tells nothing but "unix:" of a unix connection', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
    onTestFinished(() => rmSync(dir, { recursive: true }))
    const listener = listen({ family: 'unix', address: join(dir, 's') })
    const { acceptor, accepted } = accepting(listener)
    acceptor.start()
    await clients(listener, 1)
    await waitFor('the connection', () => accepted.length === 1)
    expect(accepted[0]).toMatchObject({ address: 'unix:', port: 0, binary: '' })
  })

  it('counts every connection in its own slot', async () => {
    const counters = Int32Array.of(100, 7, -1)
    const listener = listen()
    const { acceptor, accepted } = accepting(listener, { counters, slot: 1 })
    acceptor.start()
    await clients(listener, 3)
    await waitFor('the connections', () => accepted.length === 3)
    expect([...counters]).toEqual([100, 10, -1])
  })

  it('accepts at most maxPerTurn connections in one turn of the event loop', async () => {
    const listener = listen()
    const turns: number[] = []
    let inTurn = 0
    const { acceptor, accepted } = accepting(listener, { maxPerTurn: 6 }, () => {
      // The first microtask of a turn runs when the turn is over.
      if (inTurn++ === 0) {
        queueMicrotask(() => {
          turns.push(inTurn)
          inTurn = 0
        })
      }
    })
    await clients(listener, 14)
    acceptor.start()
    await waitFor('the connections', () => accepted.length === 14)
    expect(turns).toEqual([6, 6, 2])
  })

  it('accepts only while it is started', async () => {
    const listener = listen()
    const { acceptor, accepted } = accepting(listener, {}, (_, self) => self.stop())
    await clients(listener, 2)
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which nothing must come
    expect(accepted.length).toBe(0)
    acceptor.start()
    acceptor.start()
    await waitFor('the first connection', () => accepted.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which nothing must come
    expect(accepted.length).toBe(1)
    acceptor.start()
    await waitFor('the second connection', () => accepted.length === 2)
  })

  it('can be closed from its callback and not be started again', async () => {
    const listener = listen()
    const { acceptor, accepted } = accepting(listener, {}, (_, self) => self.close())
    await clients(listener, 2)
    acceptor.start()
    await waitFor('the first connection', () => accepted.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which nothing must come
    expect(accepted.length).toBe(1)
    expect(() => acceptor.start()).toThrow('the acceptor is closed')
    acceptor.stop()
    acceptor.close()
  })

  it('turns what its callback throws into an uncaught exception and goes on', async () => {
    const listener = listen()
    const throwing = child(
      `process.on('uncaughtException', (error) => say(error.message))
      let count = 0
      const acceptor = addon.createAcceptor(3, { maxPerTurn: 16, counters: new Int32Array(1), slot: 0, restMs: 500 }, () => {
        if (++count === 2) acceptor.close()
        throw new Error('connection ' + count)
      }, () => {})
      acceptor.start()`,
      { fds: [listener] },
    )
    await clients(listener, 2)
    expect([await throwing.next(), await throwing.next()]).toEqual(['connection 1', 'connection 2'])
    expect(await throwing.exited()).toEqual({ code: 0, signal: null })
  })
})

describe('acceptors of several processes', () => {
  /** A process that accepts on `listener` in its slot and never lets a connection go. Says "ready", then each count. */
  async function worker(listener: number, memory: number, slot: number): Promise<Child> {
    const started = child(
      `const counters = new Int32Array(addon.mapShared(4, 4096), 0, 2)
      const acceptor = addon.createAcceptor(3, { maxPerTurn: 16, counters, slot: ${slot}, restMs: 500 }, () => {}, say)
      acceptor.start()
      say('ready')`,
      { fds: [listener, memory] },
    )
    expect(await started.next()).toBe('ready')
    return started
  }

  // The scheduler has its say too: on a loaded machine one of them may not run for many milliseconds, hence the retries.
  it('share connections evenly', { retry: 2 }, async () => {
    const listener = listen()
    const memory = addon.createSharedMemory('sluice-counters', 4096)
    const counters = new Int32Array(addon.mapShared(memory, 4096), 0, 2)
    const workers = [await worker(listener, memory, 0), await worker(listener, memory, 1)]
    await clients(listener, 64)
    await waitFor('all connections', () => (counters[0] ?? 0) + (counters[1] ?? 0) === 64)
    // Each leads by 4 at most when it accepts, and takes more only while the other does not run for 16 ms.
    expect(Math.abs((counters[0] ?? 0) - (counters[1] ?? 0))).toBeLessThanOrEqual(10)
    expect(workers.flatMap((one) => one.said)).toEqual(['ready', 'ready'])
    closeSync(memory)
  })

  it('serve on when one of them is stuck', async () => {
    const listener = listen()
    const memory = addon.createSharedMemory('sluice-counters', 4096)
    const counters = new Int32Array(addon.mapShared(memory, 4096), 0, 2)
    const stuck = await worker(listener, memory, 0)
    stuck.process.kill('SIGSTOP')
    await worker(listener, memory, 1)
    const started = Date.now()
    await clients(listener, 200)
    await waitFor('all connections', () => counters[1] === 200)
    expect(counters[0]).toBe(0)
    // Patience once, then ever more in each millisecond, whatever the lead.
    expect(Date.now() - started).toBeLessThan(2000)
    closeSync(memory)
  })

  it('leave a connection to the one that has fewer', { retry: 2 }, async () => {
    const listener = listen()
    const memory = addon.createSharedMemory('sluice-counters', 4096)
    const counters = new Int32Array(addon.mapShared(memory, 4096), 0, 2)
    counters[0] = 1000
    await worker(listener, memory, 0)
    await worker(listener, memory, 1)
    for (let i = 1; i <= 20; i++) {
      await clients(listener, 1)
      await waitFor('the connection', () => (counters[0] ?? 0) + (counters[1] ?? 0) === 1000 + i)
    }
    // A busy machine may be late once or twice.
    expect(counters[1]).toBeGreaterThanOrEqual(15)
    closeSync(memory)
  })

  it('wait longer for one that is late than for one that is stuck', async () => {
    const listener = listen()
    const memory = addon.createSharedMemory('sluice-counters', 4096)
    const counters = new Int32Array(addon.mapShared(memory, 4096), 0, 2)
    counters[0] = 1000
    await worker(listener, memory, 0)
    // Slot 1 is ours: nobody accepts for it, so the first one sees a sibling that does not move.
    const waited = async (): Promise<number> => {
      const before = counters[0] ?? 0
      const started = performance.now()
      await clients(listener, 1)
      await waitFor('the connection', () => counters[0] === before + 1)
      return performance.now() - started
    }
    expect(await waited()).toBeGreaterThanOrEqual(15)
    // Its patience is used up, and lasts until the other moves: the quickest of ten waits a millisecond or two.
    const again: number[] = []
    for (let i = 0; i < 10; i++) again.push(await waited())
    expect(Math.min(...again)).toBeLessThan(12)
    counters[1] = 1
    expect(await waited()).toBeGreaterThanOrEqual(15)
    closeSync(memory)
  })
})

describe('an acceptor without descriptors', () => {
  it('reports EMFILE, rests as long as it should, and then accepts', async () => {
    const listener = listen()
    const starving = child(
      `const fs = require('node:fs')
      const hoard = []
      try { for (;;) hoard.push(fs.openSync('/dev/null', 'r')) } catch (error) { say(error.code) }
      let refused = 0
      addon.createAcceptor(3, { maxPerTurn: 16, counters: new Int32Array(1), slot: 0, restMs: 200 }, (fd) => {
        const late = addon.monotonicMs() - refused
        addon.close(fd)
        say(['accepted', late >= 190 && late < 600 ? 'rested' : late])
        process.exit()
      }, (code, errno) => {
        refused = addon.monotonicMs()
        addon.close(hoard.pop())
        say([code, errno])
      }).start()`,
      { fds: [listener], before: 'ulimit -n 40' },
    )
    expect(await starving.next()).toBe('EMFILE')
    await clients(listener, 1)
    expect(await starving.next()).toEqual(['EMFILE', 24])
    expect(await starving.next()).toEqual(['accepted', 'rested'])
  })

  it('can be stopped while it rests', async () => {
    const listener = listen()
    const starving = child(
      `const fs = require('node:fs')
      const hoard = []
      try { for (;;) hoard.push(fs.openSync('/dev/null', 'r')) } catch (error) { say(error.code) }
      const acceptor = addon.createAcceptor(3, { maxPerTurn: 16, counters: new Int32Array(1), slot: 0, restMs: 500 }, () => say('accepted'),
        (code) => { say(code); acceptor.stop() })
      acceptor.start()`,
      { fds: [listener], before: 'ulimit -n 40' },
    )
    expect(await starving.next()).toBe('EMFILE')
    await clients(listener, 1)
    expect(await starving.next()).toBe('EMFILE')
    // Nothing is left to wait for.
    expect(await starving.exited()).toEqual({ code: 0, signal: null })
  })

  it('reports a socket that does not listen, without spinning', async () => {
    const [ours, theirs] = addon.createChannel()
    onTestFinished(() => {
      closeSync(ours)
      closeSync(theirs)
    })
    const { acceptor, errors } = accepting(ours)
    acceptor.start()
    addon.writeChannel(theirs, 1, 2, 3, -1)
    await waitFor('the error', () => errors.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50)) // time in which it must not repeat
    expect(errors).toEqual(['EINVAL 22'])
  })
})
