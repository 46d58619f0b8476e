import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { masterAction, signalText, WATCHED_SIGNALS, workerAction } from '../../../src/process/signals.ts'

const { SIGHUP, SIGQUIT, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGIO } = constants.signals

describe('signals', () => {
  test.each([
    [SIGQUIT, 'quit', 'quit'],
    [SIGTERM, 'terminate', 'terminate'],
    [SIGINT, 'terminate', 'terminate'],
    [SIGHUP, 'reconfigure', 'ignore'],
    [SIGUSR1, 'reopen', 'reopen'],
    [SIGUSR2, 'change_binary', 'ignore'],
    [SIGALRM, '', ''],
    [SIGIO, '', 'ignore'],
  ])('signal %i asks the master for %j and a worker for %j', (signal, master, worker) => {
    expect(masterAction(signal, true)).toBe(master)
    expect(workerAction(signal, true)).toBe(worker)
  })

  test('WINCH is an order to a daemon only', () => {
    expect(masterAction(SIGWINCH, true)).toBe('noaccept')
    expect(workerAction(SIGWINCH, true)).toBe('quit')
    expect(masterAction(SIGWINCH, false)).toBe('')
    expect(workerAction(SIGWINCH, false)).toBe('')
  })

  test('the log line names number, name, sender and action', () => {
    expect(signalText(SIGHUP, 4711, 'reconfigure')).toBe('signal 1 (SIGHUP) received from 4711, reconfiguring')
    expect(signalText(SIGUSR2, 1, 'ignore')).toBe('signal 12 (SIGUSR2) received from 1, ignoring')
    expect(signalText(SIGWINCH, 9, '')).toBe('signal 28 (SIGWINCH) received from 9')
  })

  test('an unknown sender is not named', () => {
    expect(signalText(SIGTERM, 0, 'terminate')).toBe('signal 15 (SIGTERM) received, exiting')
  })

  test('a signal that stops or kills by default is caught', () => {
    expect(WATCHED_SIGNALS).toEqual(expect.arrayContaining([SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGINT]))
  })
})
