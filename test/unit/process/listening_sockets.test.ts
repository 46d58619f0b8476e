import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ListenRequest } from '../../../src/config/types.ts'
import { ErrorLog } from '../../../src/log/error_log.ts'
import { INFO } from '../../../src/log/levels.ts'
import { LogFile } from '../../../src/log/log_file.ts'
import { addon } from '../../../src/native/addon.ts'
import {
  applySocketOptions,
  closeSockets,
  isForWorker,
  type ListeningSocket,
  openSockets,
} from '../../../src/process/listening_sockets.ts'
import { UndoList } from '../../../src/process/undo_list.ts'
import { freePort } from '../../harness/ports.ts'
import { waitFor } from '../../harness/wait_for.ts'

let directory: string
let lines: string[]
let log: ErrorLog
let open: ListeningSocket[]

class Lines extends LogFile {
  override write(line: string): void {
    lines.push(line)
  }
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-listen-'))
  lines = []
  open = []
  log = new ErrorLog([{ file: new Lines('lines'), level: INFO }])
})

afterEach(() => {
  closeSockets(open, [], log)
  rmSync(directory, { recursive: true })
})

function tcp(port: number, more: Partial<ListenRequest> = {}): ListenRequest {
  return {
    family: 'inet',
    address: '127.0.0.1',
    port,
    text: `127.0.0.1:${port}`,
    backlog: 511,
    reuseport: false,
    ipv6only: true,
    rcvbuf: -1,
    sndbuf: -1,
    deferred: false,
    fastopen: -1,
    keepalive: undefined,
    ...more,
  }
}

function unix(name: string): ListenRequest {
  const address = join(directory, name)
  return { ...tcp(0), family: 'unix', address, text: `unix:${address}` }
}

interface Extra {
  readonly old?: readonly ListeningSocket[]
  readonly workers?: number
  readonly testing?: boolean
  readonly undo?: UndoList
}

function openAll(requests: readonly ListenRequest[], extra: Extra = {}): ListeningSocket[] {
  const { old = [], workers = 1, testing = false, undo = new UndoList() } = extra
  return openSockets(requests, old, { log, workers, testing, undo })
}

describe('openSockets', () => {
  test('opens each address once', async () => {
    const port = await freePort()
    open = openAll([tcp(port), unix('a.sock')])
    expect(open.map(({ fd }) => addon.socketName(fd))).toEqual([
      { family: 'inet', address: '127.0.0.1', port },
      { family: 'unix', address: join(directory, 'a.sock'), port: 0 },
    ])
  })

  test('takes over sockets with the same address and opens only what is new', async () => {
    const [first, second] = [await freePort(), await freePort()]
    const old = openAll([tcp(first)])
    open = openAll([tcp(second), tcp(first, { backlog: 7 })], { old })
    expect(open[1]?.fd).toBe(old[0]?.fd)
    expect(open[1]?.request.backlog).toBe(7)
    expect(open[0]?.fd).not.toBe(old[0]?.fd)
  })

  test('undoing closes new sockets, removes their files and leaves old ones alone', async () => {
    const port = await freePort()
    open = openAll([tcp(port)])
    const undo = new UndoList()
    const [, added] = openAll([tcp(port), unix('b.sock')], { old: open, undo })
    undo.run()
    expect(existsSync(join(directory, 'b.sock'))).toBe(false)
    expect(() => addon.socketName(added!.fd)).toThrow()
    expect(addon.socketName(open[0]!.fd).port).toBe(port)
  })

  test('opens one socket per worker with reuseport, the old one being the first', async () => {
    const port = await freePort()
    const old = openAll([tcp(port)])
    open = openAll([tcp(port, { reuseport: true })], { old, workers: 3 })
    expect(open.map(({ share }) => share)).toEqual([0, 1, 2])
    expect(open[0]?.fd).toBe(old[0]?.fd)
    expect(new Set(open.map(({ fd }) => addon.socketName(fd).port))).toEqual(new Set([port]))
  })

  test('keeps all sockets of a reuseport address when there are fewer workers', async () => {
    const port = await freePort()
    const old = openAll([tcp(port, { reuseport: true })], { workers: 3 })
    open = openAll([tcp(port, { reuseport: true })], { old, workers: 2 })
    expect(open.map(({ fd }) => fd)).toEqual(old.map(({ fd }) => fd))
    const ofWorker = (index: number) => open.filter((socket) => isForWorker(socket, index, 2)).map(({ share }) => share)
    expect([ofWorker(0), ofWorker(1)]).toEqual([[0, 2], [1]])
  })

  test('keeps them without reuseport as well: the first is everybody’s then', async () => {
    const port = await freePort()
    const old = openAll([tcp(port, { reuseport: true })], { workers: 3 })
    open = openAll([tcp(port)], { old, workers: 2 })
    expect(open.map(({ fd }) => fd)).toEqual(old.map(({ fd }) => fd))
    expect(open.map(({ share, spread }) => [share, spread])).toEqual([
      [-1, 1],
      [1, 1],
      [2, 1],
    ])
  })

  describe('with reuseport', () => {
    /** On how many of the sockets is one of 40 new connections queued? */
    async function reached(port: number): Promise<boolean[]> {
      const accepted = open.map(() => false)
      const acceptors = open.map(({ fd }, index) =>
        addon.createAcceptor(
          fd,
          { maxPerTurn: 16, counters: new Int32Array(1), slot: 0, restMs: 500 },
          (client) => {
            accepted[index] = true
            total++
            addon.close(client)
          },
          () => {},
        ),
      )
      let total = 0
      for (const acceptor of acceptors) acceptor.start()
      for (let i = 0; i < 40; i++) connect(port, '127.0.0.1').on('error', () => {})
      await waitFor('all connections', () => total === 40)
      for (const acceptor of acceptors) acceptor.close()
      return accepted
    }

    test('sockets that a reload opens get no connection before it is in force', async () => {
      const port = await freePort()
      const request = tcp(port, { reuseport: true })
      const old = openAll([request], { workers: 2 })
      applySocketOptions(old, [], log)
      open = openAll([request], { old, workers: 4 })
      expect(await reached(port)).toEqual([true, true, false, false])
      applySocketOptions(open, old, log)
      expect(await reached(port)).toEqual([true, true, true, true])
    })

    test('sockets that are left over get no more connections', async () => {
      const port = await freePort()
      const old = openAll([tcp(port, { reuseport: true })], { workers: 3 })
      open = openAll([tcp(port)], { old, workers: 3 })
      applySocketOptions(open, old, log)
      expect(await reached(port)).toEqual([true, false, false])
    })
  })

  test('an address that this machine does not have fails at once', () => {
    const request = { ...tcp(80), address: '192.0.2.1', text: '192.0.2.1:80' }
    expect(() => openAll([request])).toThrow('bind() to 192.0.2.1:80 failed (99: Cannot assign requested address)')
  })

  describe('with an address in use', () => {
    let other: Server
    let port: number

    beforeEach(async () => {
      other = createServer().listen(0, '127.0.0.1')
      await waitFor('the other server', () => other.listening)
      port = (other.address() as { port: number }).port
    })
    afterEach(() => other.close())

    test('tries five times and gives up', () => {
      const started = Date.now()
      expect(() => openAll([tcp(port)])).toThrow('still could not bind()')
      expect(Date.now() - started).toBeGreaterThanOrEqual(1990)
      const failed = lines.filter((line) => line.includes('[emerg]'))
      expect(failed).toHaveLength(5)
      expect(failed[0]).toContain(`bind() to 127.0.0.1:${port} failed (98: Address already in use)`)
      expect(lines.filter((line) => line.includes('try again to bind() after 500ms'))).toHaveLength(4)
    })

    test('a test does not mind', () => {
      expect(openAll([tcp(port)], { testing: true })).toEqual([])
      expect(lines).toEqual([])
    })
  })
})

describe('applySocketOptions', () => {
  test('failures are logged and ignored', async () => {
    open = openAll([tcp(await freePort())])
    const broken = [
      { request: { ...open[0]!.request, keepalive: true }, fd: 9999, share: -1, spread: 1, inherited: false },
    ]
    applySocketOptions(broken, [], log)
    expect(lines.join('')).toMatch(/\[alert\].*failed, ignored \(9: Bad file descriptor\)/)
  })

  test('all options of listen are accepted by the system', async () => {
    const request = tcp(await freePort(), {
      rcvbuf: 65536,
      sndbuf: 65536,
      deferred: true,
      fastopen: 5,
      keepalive: { idle: 60, intvl: 10, cnt: 3 },
    })
    open = openAll([request])
    applySocketOptions(open, [{ ...open[0]!, request: { ...request, backlog: 5 } }], log)
    expect(lines).toEqual([])
  })
})

describe('closeSockets', () => {
  test('keeps what is taken over and says which socket files it removes', () => {
    const [first, second] = openAll([unix('a.sock'), unix('b.sock')])
    closeSockets([first!, second!], [first!], log)
    expect(existsSync(join(directory, 'a.sock'))).toBe(true)
    expect(existsSync(join(directory, 'b.sock'))).toBe(false)
    expect(lines.join('')).toContain(`[warn] ${process.pid}#${process.pid}: deleting socket ${directory}/b.sock`)
    open = [first!]
  })
})
