import { describe, expect, it } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import { child } from './child.ts'

/** A child that watches signals, says them, and lives until it is killed. */
function watchingChild(signals: string): ReturnType<typeof child> {
  return child(`
    const { SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGQUIT, SIGINT } = require('node:os').constants.signals
    const watch = addon.watchSignals([${signals}], (signal, sender) => say([signal, sender]))
    process.stdin.on('data', () => { watch.close(); say('closed') })
    say('watching')`)
}

describe('watchSignals', () => {
  it('tells signal and sender, in order', async () => {
    const watching = watchingChild('SIGHUP, SIGTERM, SIGUSR2')
    await watching.next()
    watching.process.kill('SIGHUP')
    expect(await watching.next()).toEqual([1, process.pid])
    watching.process.kill('SIGTERM')
    expect(await watching.next()).toEqual([15, process.pid])
    const messenger = child(`process.kill(${watching.pid}, 'SIGUSR2')`)
    expect(await watching.next()).toEqual([12, messenger.pid])
  })

  it('keeps SIGUSR1 from opening the debugger', async () => {
    const watching = watchingChild('SIGUSR1')
    await watching.next()
    watching.process.kill('SIGUSR1')
    expect(await watching.next()).toEqual([10, process.pid])
    expect(watching.stderr).not.toContain('Debugger')
  })

  it('names no sender for a signal of the kernel', async () => {
    const watching = child(`
      addon.watchSignals([29], (signal, sender) => { say([signal, sender]); process.exit() })
      const [, end] = addon.createChannel()
      addon.writeChannel(end, 1, 2, 3, -1)
      setTimeout(() => {}, 10000)`)
    expect(await watching.next()).toEqual([29, 0])
  })

  it('puts the former actions back when it is closed', async () => {
    const watching = watchingChild('SIGTERM')
    await watching.next()
    watching.process.stdin?.write('close')
    await watching.next()
    watching.process.kill('SIGTERM')
    expect(await watching.exited()).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it('stands in for a listener of Node while it is open', async () => {
    const watching = child(`
      process.on('SIGUSR2', () => { say('node'); process.exit() })
      const watch = addon.watchSignals([12], () => { say('addon'); watch.close(); process.kill(process.pid, 12) })
      process.kill(process.pid, 12)
      setTimeout(() => {}, 10000)`)
    expect([await watching.next(), await watching.next()]).toEqual(['addon', 'node'])
  })

  it('refuses a signal that is watched already, and leaves nothing behind', () => {
    const { SIGUSR2, SIGWINCH } = { SIGUSR2: 12, SIGWINCH: 28 }
    const first = addon.watchSignals([SIGUSR2], () => undefined)
    const second = () => addon.watchSignals([SIGWINCH, SIGUSR2], () => undefined)
    expect(second).toThrow(expect.objectContaining({ code: 'EBUSY', syscall: 'sigaction' }))
    addon.watchSignals([SIGWINCH], () => undefined).close()
    first.close()
    addon.watchSignals([SIGUSR2], () => undefined).close()
  })

  it('refuses signals that cannot be caught', () => {
    expect(() => addon.watchSignals([9], () => undefined)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    expect(() => addon.watchSignals([17], () => undefined)).toThrow(TypeError)
    expect(() => addon.watchSignals([11], () => undefined)).toThrow(TypeError)
  })

  it('does not keep the process alive', async () => {
    const leaving = child('addon.watchSignals([15], () => {})')
    expect(await leaving.exited()).toEqual({ code: 0, signal: null })
  })

  it('loses none of many signals that come in turn, and disturbs no system call', async () => {
    const watching = child(`
      let count = 0
      addon.watchSignals([12], () => { count++; if (count === 200) { say(count); process.exit() } })
      let left = 200
      const send = () => { process.kill(process.pid, 12); if (--left > 0) setImmediate(send) }
      send()
      setInterval(() => require('node:fs').readFileSync('/proc/self/status'), 1)`)
    expect(await watching.next()).toBe(200)
  })
})
