import { beforeEach, describe, expect, test } from 'vitest'
import { MasterLoop } from '../../../src/process/master_loop.ts'

let calls: string[]
let live: boolean
let reloadBegins: boolean
let alarms: number[]
let loop: MasterLoop

beforeEach(() => {
  calls = []
  alarms = []
  live = true
  reloadBegins = true
  loop = new MasterLoop({
    reap: () => {
      calls.push('reap')
      return live
    },
    broadcast: (signal) => void calls.push(signal),
    closeListeningSockets: () => void calls.push('close sockets'),
    abandonReload: () => void calls.push('abandon reload'),
    beginReload: () => {
      calls.push('reload')
      return reloadBegins
    },
    startWorkers: () => void calls.push('start workers'),
    reopenLogs: () => void calls.push('reopen logs'),
    changeBinary: () => void calls.push('change binary'),
    setAlarm: (ms) => void alarms.push(ms),
    exit: () => void calls.push('exit'),
  })
})

function childrenDied(nowLive: boolean): void {
  live = nowLive
  loop.reaping = true
  loop.step()
}

describe('MasterLoop', () => {
  test('without a flag nothing happens', () => {
    loop.step()
    expect(calls).toEqual([])
  })

  test('dead children are reaped once', () => {
    childrenDied(true)
    loop.step()
    expect(calls).toEqual(['reap'])
  })

  test('dead children alone do not end the master', () => {
    childrenDied(false)
    expect(calls).toEqual(['reap'])
  })

  test('quit tells the workers, closes the sockets and exits when the last worker is gone', () => {
    loop.quit = true
    loop.step()
    expect(calls).toEqual(['QUIT', 'close sockets'])
    expect(alarms).toEqual([])
    calls.length = 0
    childrenDied(false)
    expect(calls).toEqual(['reap', 'exit'])
  })

  test('terminate sends TERM at 0, 150, 350, 750 and 1550 ms and KILL at 3150 ms', () => {
    loop.terminate = true
    loop.step()
    for (let alarm = 0; alarm < 6; alarm++) loop.onAlarm()
    expect(calls).toEqual(['TERM', 'TERM', 'TERM', 'TERM', 'TERM', 'KILL', 'KILL'])
    const sentAt = alarms.map((_, index) => alarms.slice(0, index).reduce((sum, ms) => sum + ms, 0))
    expect(sentAt.slice(0, 6)).toEqual([0, 150, 350, 750, 1550, 3150])
  })

  test('the death of one worker does not hurry the escalation of TERM', () => {
    loop.terminate = true
    loop.step()
    childrenDied(true)
    loop.step()
    expect(calls).toEqual(['TERM', 'reap'])
    expect(alarms).toEqual([150])
  })

  test('terminate overrules quit', () => {
    loop.quit = true
    loop.step()
    loop.terminate = true
    loop.step()
    expect(calls).toEqual(['QUIT', 'close sockets', 'TERM'])
  })

  test('a second reconfigure waits for the end of the first', () => {
    loop.reconfigure = true
    loop.step()
    loop.reconfigure = true
    loop.step()
    expect(calls).toEqual(['reload'])
    loop.reloading = false
    loop.step()
    expect(calls).toEqual(['reload', 'reload'])
  })

  test('a reload that could not begin does not block the next', () => {
    reloadBegins = false
    loop.reconfigure = true
    loop.step()
    expect(loop.reloading).toBe(false)
    loop.reconfigure = true
    loop.step()
    expect(calls).toEqual(['reload', 'reload'])
  })

  test('quit during a reload gives the reload up and reaches its workers', () => {
    loop.reconfigure = true
    loop.step()
    loop.quit = true
    loop.step()
    expect(calls).toEqual(['reload', 'abandon reload', 'QUIT', 'close sockets'])
  })

  test('the flags of one moment are acted on in the order of nginx', () => {
    loop.noaccept = true
    loop.changeBinary = true
    loop.reopen = true
    loop.reconfigure = true
    loop.reaping = true
    loop.step()
    expect(calls).toEqual(['reap', 'reload', 'reopen logs', 'USR1'])
    loop.reloading = false
    loop.step()
    expect(calls.slice(4)).toEqual(['change binary', 'QUIT'])
    calls.length = 0
    loop.step()
    expect(calls).toEqual([])
  })

  test('changing binary and not accepting wait until a reload has ended', () => {
    loop.reconfigure = true
    loop.step()
    loop.changeBinary = true
    loop.noaccept = true
    loop.step()
    expect(calls).toEqual(['reload'])
    loop.reloading = false
    loop.step()
    expect(calls).toEqual(['reload', 'change binary', 'QUIT'])
  })

  test('beside a new binary, reconfigure starts workers if they were told to quit, and reads nothing', () => {
    loop.newBinary = true
    loop.reconfigure = true
    loop.step()
    expect(calls).toEqual([])
    loop.noaccept = true
    loop.step()
    loop.reconfigure = true
    loop.step()
    expect(calls).toEqual(['QUIT', 'start workers'])
    loop.reconfigure = true
    loop.step()
    expect(calls).toEqual(['QUIT', 'start workers'])
  })

  test('when the new binary ends, workers that made room for it are started again', () => {
    loop.newBinary = true
    loop.noaccept = true
    loop.step()
    loop.onNewBinaryExit()
    childrenDied(false)
    expect(calls).toEqual(['QUIT', 'reap', 'start workers'])
    loop.reconfigure = true
    loop.step()
    expect(calls.at(-1)).toBe('reload')
  })

  test('when the new binary ends while the workers serve, nothing is started', () => {
    loop.newBinary = true
    loop.onNewBinaryExit()
    childrenDied(true)
    expect(calls).toEqual(['reap'])
  })

  test('a new binary does not keep a master that quits', () => {
    loop.newBinary = true
    loop.quit = true
    loop.step()
    childrenDied(false)
    expect(calls).toEqual(['QUIT', 'close sockets', 'reap', 'exit'])
  })

  test('with quit or terminate nothing else is done', () => {
    loop.quit = true
    loop.reconfigure = true
    loop.reopen = true
    loop.step()
    expect(calls).toEqual(['QUIT', 'close sockets'])
  })
})
