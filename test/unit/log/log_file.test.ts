import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { flushLogs, LogFile } from '../../../src/log/log_file.ts'
import { addon } from '../../../src/native/addon.ts'

let directory: string
let file: LogFile

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-log-'))
  file = new LogFile(join(directory, 'a.log'))
  file.open()
})

afterEach(() => {
  file.close()
  rmSync(directory, { recursive: true })
})

function content(name = 'a.log'): string {
  return readFileSync(join(directory, name), 'latin1')
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('LogFile', () => {
  test('lines of one turn are written together when it ends', async () => {
    file.write('one\n')
    file.write('two\n')
    expect(content()).toBe('')
    await turn()
    expect(content()).toBe('one\ntwo\n')
  })

  test('lines are bytes and are not encoded as UTF-8', () => {
    file.write('caf\xe9 \xff\n')
    file.flush()
    expect(content()).toBe('caf\xe9 \xff\n')
    expect(statSync(join(directory, 'a.log')).size).toBe(7)
  })

  test('more than a buffer of lines in one turn loses nothing and keeps their order', () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `${index} ${'x'.repeat(60)}\n`)
    for (const line of lines) file.write(line)
    flushLogs()
    expect(content()).toBe(lines.join(''))
  })

  test('reopening writes pending lines to the old file and later ones to the new', () => {
    file.write('old\n')
    renameSync(join(directory, 'a.log'), join(directory, 'a.log.1'))
    file.reopen()
    file.write('new\n')
    file.flush()
    expect(content('a.log.1')).toBe('old\n')
    expect(content()).toBe('new\n')
  })

  test('a failed reopening keeps the old descriptor', () => {
    const inFolder = new LogFile(join(directory, 'folder', 'b.log'))
    inFolder.fd = file.fd
    expect(() => inFolder.reopen()).toThrow('ENOENT')
    inFolder.write('still\n')
    inFolder.flush()
    expect(content()).toBe('still\n')
  })

  test('a file that cannot be made what it must be is not taken', () => {
    renameSync(join(directory, 'a.log'), join(directory, 'a.log.1'))
    const refuse = () => {
      throw new Error('refused')
    }
    expect(() => file.reopen(refuse)).toThrow('refused')
    file.write('still\n')
    file.flush()
    expect(content('a.log.1')).toBe('still\n')
  })

  test('two files with the same path append whole lines to one file', () => {
    const other = new LogFile(file.path)
    other.open()
    file.write('from one\n')
    other.write('from other\n')
    flushLogs()
    other.close()
    expect(content()).toBe('from one\nfrom other\n')
  })

  test('a slow reader gets everything later, and never stops the writer', async () => {
    const [ours, theirs] = addon.createChannel()
    const pipe = new LogFile('pipe')
    pipe.fd = ours
    const line = `${'x'.repeat(999)}\n`
    for (let i = 0; i < 400; i++) pipe.write(line)
    flushLogs()
    const reader = new Socket({ fd: theirs })
    let length = 0
    await new Promise<void>((resolve) => {
      reader.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length >= 400 * line.length) resolve()
      })
    })
    reader.destroy()
    addon.close(ours)
    expect(length).toBe(400 * line.length)
  })

  test('a reader that is stuck is tried again by one timer, not by each line', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => {
      vi.useRealTimers()
      vi.restoreAllMocks()
    })
    const [ours, theirs] = addon.createChannel()
    const pipe = new LogFile('pipe')
    pipe.fd = ours
    const line = `${'x'.repeat(999)}\n`
    for (let i = 0; i < 1000; i++) pipe.write(line)
    pipe.flush()
    expect(vi.getTimerCount()).toBe(1)
    const writeText = vi.spyOn(addon, 'writeText')
    for (let i = 0; i < 100; i++) pipe.write(line)
    expect(writeText).not.toHaveBeenCalled()
    for (let i = 0; i < 100; i++) vi.advanceTimersToNextTimer()
    expect(writeText).toHaveBeenCalledTimes(100)
    expect(vi.getTimerCount()).toBe(1)
    for (const fd of [ours, theirs]) addon.close(fd)
    pipe.fd = -1
    vi.advanceTimersToNextTimer()
    expect(vi.getTimerCount()).toBe(0)
  })
})
