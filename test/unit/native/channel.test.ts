import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addon, type Watch } from '../../../src/native/addon.ts'
import { waitFor } from '../../harness/wait_for.ts'
import { child } from './child.ts'
import { flagsOf, openDescriptors, python } from './descriptors.ts'

type Message = [command: number, pid: number, slot: number, fd: number]

/** A channel with end 1 watched; what comes is in `messages`, and in `ends` what its end was told. */
function watchedChannel(): {
  ends: [number, number]
  messages: Message[]
  ended: (string | undefined)[]
  watch: Watch
} {
  const ends = addon.createChannel()
  const messages: Message[] = []
  const ended: (string | undefined)[] = []
  const watch = addon.watchChannel(
    ends[1],
    (...message) => messages.push(message),
    (error) => ended.push(error),
  )
  onTestFinished(() => {
    watch.close()
    for (const end of ends) tryClose(end)
  })
  return { ends, messages, ended, watch }
}

function tryClose(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // The test closed it itself.
  }
}

function temporaryFile(text: string): number {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'file'), text)
  return openSync(join(dir, 'file'), 'r')
}

/** One message as it looks on the wire. */
function wireMessage(...fields: Message): Buffer {
  return Buffer.from(Int32Array.from(fields).buffer)
}

describe('a channel', () => {
  it('has non-blocking ends that are closed on exec', () => {
    const { ends } = watchedChannel()
    for (const end of ends) expect(flagsOf(end)).toEqual({ nonblocking: true, closeOnExec: true })
  })

  it('carries messages in order, with any 32-bit numbers', async () => {
    const { ends, messages } = watchedChannel()
    expect(addon.writeChannel(ends[0], 1, 4711, 0, -1)).toBe(true)
    expect(addon.writeChannel(ends[0], -2147483648, 2147483647, 1023, -1)).toBe(true)
    await waitFor('both messages', () => messages.length === 2)
    expect(messages).toEqual([
      [1, 4711, 0, -1],
      [-2147483648, 2147483647, 1023, -1],
    ])
  })

  it('hands descriptors over, closed on exec', async () => {
    const { ends, messages } = watchedChannel()
    const file = temporaryFile('handed over')
    addon.writeChannel(ends[0], 1, 2, 3, file)
    closeSync(file)
    await waitFor('the message', () => messages.length === 1)
    const passed = messages[0]?.[3] ?? -1
    expect(flagsOf(passed).closeOnExec).toBe(true)
    expect(readFileSync(passed, 'latin1')).toBe('handed over')
    closeSync(passed)
  })

  it('connects two processes both ways', async () => {
    const { ends, messages, ended } = watchedChannel()
    const other = child(
      `addon.watchChannel(3, (command, pid, slot, fd) => {
        const text = require('node:fs').readFileSync(fd, 'latin1')
        addon.writeChannel(3, command + 1, process.pid, text.length, fd)
        process.exit(0)
      }, say)`,
      { fds: [ends[0]] },
    )
    closeSync(ends[0])
    const file = temporaryFile('twelve bytes')
    addon.writeChannel(ends[1], 10, 0, 0, file)
    closeSync(file)
    await waitFor('the answer', () => messages.length === 1)
    expect(messages[0]?.slice(0, 3)).toEqual([11, other.pid, 12])
    expect(readFileSync(messages[0]?.[3] ?? -1, 'latin1')).toBe('')
    closeSync(messages[0]?.[3] ?? -1)
    await waitFor('the end of the channel', () => ended.length === 1)
    expect(ended).toEqual([undefined])
  })

  it('answers false when the socket is full and accepts messages again when it was read', async () => {
    const ends = addon.createChannel()
    let sent = 0
    while (addon.writeChannel(ends[0], 1, 2, 3, -1)) sent++
    expect(sent).toBeGreaterThan(10)
    let received = 0
    const watch = addon.watchChannel(
      ends[1],
      () => received++,
      () => undefined,
    )
    await waitFor('all messages', () => received === sent)
    expect(addon.writeChannel(ends[0], 1, 2, 3, -1)).toBe(true)
    watch.close()
    for (const end of ends) closeSync(end)
  })

  it('throws EPIPE and stays alive when the other end is gone', () => {
    const ends = addon.createChannel()
    closeSync(ends[1])
    expect(() => addon.writeChannel(ends[0], 1, 2, 3, -1)).toThrow(
      expect.objectContaining({
        code: 'EPIPE',
        errno: 32,
        syscall: 'sendmsg',
        message: 'sendmsg() failed (32: Broken pipe)',
      }),
    )
    closeSync(ends[0])
  })

  it('makes the process ignore SIGIO before it asks for it, but keeps a handler that is there', async () => {
    const ignoring = child(`
      const sigio = () => parseInt(/^SigIgn:\\s*(\\w+)/m.exec(require('node:fs').readFileSync('/proc/self/status', 'latin1'))[1], 16)
      const bit = 2 ** 28
      say(Math.floor(sigio() / bit) % 2)
      const [a, b] = addon.createChannel()
      say(Math.floor(sigio() / bit) % 2)
      addon.writeChannel(b, 1, 2, 3, -1)
      setTimeout(() => say('alive'), 20)`)
    expect([await ignoring.next(), await ignoring.next(), await ignoring.next()]).toEqual([0, 1, 'alive'])

    const handling = child(`
      process.on('SIGIO', () => { say('handled'); process.exit() })
      const [a, b] = addon.createChannel()
      addon.writeChannel(b, 1, 2, 3, -1)
      setTimeout(() => {}, 10000)`)
    expect(await handling.next()).toBe('handled')
  })
})

describe('a channel watcher', () => {
  it('runs microtasks after all messages of one turn', async () => {
    const ends = addon.createChannel()
    const events: string[] = []
    for (let i = 0; i < 3; i++) addon.writeChannel(ends[0], i, 0, 0, -1)
    const watch = addon.watchChannel(
      ends[1],
      (command) => {
        events.push(`message ${command}`)
        queueMicrotask(() => events.push(`microtask ${command}`))
      },
      () => undefined,
    )
    await waitFor('the microtasks', () => events.length === 6)
    expect(events).toEqual(['message 0', 'message 1', 'message 2', 'microtask 0', 'microtask 1', 'microtask 2'])
    watch.close()
    for (const end of ends) closeSync(end)
  })

  it('delivers nothing more once it was closed from its own callback', async () => {
    const ends = addon.createChannel()
    const commands: number[] = []
    const watch = addon.watchChannel(
      ends[1],
      (command) => {
        commands.push(command)
        watch.close()
      },
      () => commands.push(-1),
    )
    addon.writeChannel(ends[0], 1, 0, 0, -1)
    addon.writeChannel(ends[0], 2, 0, 0, -1)
    await waitFor('the first message', () => commands.length > 0)
    closeSync(ends[0])
    await new Promise((resolve) => setTimeout(resolve, 20)) // long enough for what must not come
    expect(commands).toEqual([1])
    closeSync(ends[1])
  })

  it('reads what was sent before the other end closed, then reports the end once', async () => {
    const { ends, messages, ended } = watchedChannel()
    addon.writeChannel(ends[0], 7, 8, 9, -1)
    closeSync(ends[0])
    await waitFor('the end', () => ended.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 20)) // epoll would repeat at once
    expect(messages).toEqual([[7, 8, 9, -1]])
    expect(ended).toEqual([undefined])
  })

  it('reports an end like any other for a peer that closed without reading', async () => {
    const { ends, ended } = watchedChannel()
    addon.writeChannel(ends[1], 1, 2, 3, -1)
    closeSync(ends[0])
    await waitFor('the end', () => ended.length > 0)
    expect(ended).toEqual([undefined])
  })

  it('refuses a short message', async () => {
    const { ends, messages, ended } = watchedChannel()
    writeSync(ends[0], Buffer.alloc(5))
    await waitFor('the end', () => ended.length > 0)
    expect(ended).toEqual(['recvmsg() returned not enough data: 5'])
    expect(messages).toEqual([])
  })

  it('refuses a message that promises a descriptor and brings none', async () => {
    const { ends, ended } = watchedChannel()
    writeSync(ends[0], wireMessage(1, 2, 3, 7))
    await waitFor('the end', () => ended.length > 0)
    expect(ended).toEqual(['recvmsg() returned too small ancillary data'])
  })

  it('delivers a message whose descriptor there is no room for, and those behind it', async () => {
    const full = child(`
      const [a, b] = addon.createChannel()
      addon.watchChannel(b, (...message) => say(message), say)
      addon.writeChannel(a, 1, 2, 3, a)
      addon.writeChannel(a, 4, 5, 6, -1)
      addon.setResourceLimit('nofile', 3)`)
    expect([await full.next(), await full.next()]).toEqual([
      [1, 2, 3, -2],
      [4, 5, 6, -1],
    ])
    full.process.kill()
    await full.exited()
  })

  it.each([
    {
      what: 'a descriptor that was not promised',
      promised: -1,
      fds: 1,
      error: 'recvmsg() returned unexpected descriptors: 1',
    },
    { what: 'two descriptors', promised: 3, fds: 2, error: 'recvmsg() returned unexpected descriptors: 2' },
    { what: 'more descriptors than fit', promised: 3, fds: 4, error: 'recvmsg() truncated data' },
  ])('refuses $what and keeps none of them', async ({ promised, fds, error }) => {
    const { ends, messages, ended } = watchedChannel()
    const before = openDescriptors()
    python(ends[0], `send_fds(s, [struct.pack("4i", 1, 2, 3, ${promised})], [3] * ${fds})`)
    await waitFor('the end', () => ended.length > 0)
    expect(ended).toEqual([error])
    expect(messages).toEqual([])
    expect(openDescriptors()).toBeLessThanOrEqual(before)
  })

  it('turns what its callback throws into an uncaught exception and goes on', async () => {
    const throwing = child(`
      process.on('uncaughtException', (error) => say(error.message))
      const [a, b] = addon.createChannel()
      const watch = addon.watchChannel(b, (command) => {
        if (command === 2) watch.close()
        throw new Error('message ' + command)
      }, say)
      addon.writeChannel(a, 1, 0, 0, -1)
      addon.writeChannel(a, 2, 0, 0, -1)`)
    expect([await throwing.next(), await throwing.next()]).toEqual(['message 1', 'message 2'])
    expect(await throwing.exited()).toEqual({ code: 0, signal: null })
  })

  it('refuses a descriptor that is watched already', () => {
    const { ends } = watchedChannel()
    const twice = () =>
      addon.watchChannel(
        ends[1],
        () => undefined,
        () => undefined,
      )
    expect(twice).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'uv_poll_init' }))
  })

  it('keeps the event loop alive until it is closed', async () => {
    const waiting = child(`
      const [a, b] = addon.createChannel()
      const watch = addon.watchChannel(b, () => {}, () => {})
      process.stdin.on('data', () => { watch.close(); process.stdin.destroy() }).unref()
      say('waiting')`)
    await waiting.next()
    await new Promise((resolve) => setTimeout(resolve, 50)) // time in which it would exit
    expect(waiting.exit).toBeUndefined()
    waiting.process.stdin?.write('close\n')
    expect((await waiting.exited()).code).toBe(0)
  })
})

describe('watchEnd', () => {
  it('reports once when the last holder of the other end is gone, not before', async () => {
    const [ours, theirs] = addon.createChannel()
    const holder = child('say(1); setTimeout(() => {}, 60000)', { fds: [theirs] })
    let ends = 0
    addon.watchEnd(ours, () => ends++)
    await holder.next()
    addon.close(theirs)
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which it must not come
    expect(ends).toBe(0)
    holder.process.kill('SIGKILL')
    await waitFor('the end', () => ends > 0)
    await new Promise((resolve) => setTimeout(resolve, 20)) // epoll would repeat at once
    expect(ends).toBe(1)
    closeSync(ours)
  })

  it('throws away what is written', async () => {
    const [ours, theirs] = addon.createChannel()
    let ends = 0
    addon.watchEnd(ours, () => ends++)
    writeSync(theirs, 'noise')
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which it must not come
    expect(ends).toBe(0)
    closeSync(theirs)
    await waitFor('the end', () => ends === 1)
    closeSync(ours)
  })

  it('is silent after close', async () => {
    const [ours, theirs] = addon.createChannel()
    let ends = 0
    const watch = addon.watchEnd(ours, () => ends++)
    watch.close()
    watch.close()
    closeSync(theirs)
    await new Promise((resolve) => setTimeout(resolve, 20)) // time in which it must not come
    expect(ends).toBe(0)
    closeSync(ours)
  })
})
