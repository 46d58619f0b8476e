import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ErrorLog } from '../../../src/log/error_log.ts'
import { ALERT, DEBUG, ERROR, levelOfWord, NOTICE, WARN } from '../../../src/log/levels.ts'
import { LogFile } from '../../../src/log/log_file.ts'

let directory: string
let first: LogFile
let second: LogFile

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-error-log-'))
  first = new LogFile(join(directory, 'first.log'))
  second = new LogFile(join(directory, 'second.log'))
  first.open()
  second.open()
})

afterEach(() => {
  first.close()
  second.close()
  rmSync(directory, { recursive: true })
})

function lines(file: LogFile): string[] {
  file.flush()
  return readFileSync(file.path, 'latin1').split('\n').slice(0, -1)
}

describe('ErrorLog', () => {
  test('a line carries time, level, process and message', () => {
    new ErrorLog([{ file: first, level: ERROR }]).write(ERROR, 'it broke')
    const [line] = lines(first)
    expect(line).toMatch(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: it broke$/)
    expect(line).toContain(` ${process.pid}#${process.pid}: `)
  })

  test('the number of a connection stands before the message', () => {
    new ErrorLog([{ file: first, level: ERROR }]).write(ERROR, 'it broke', 42)
    expect(lines(first)[0]).toMatch(/: \*42 it broke$/)
  })

  test('each target has its own level, and the log the most verbose of them', () => {
    const log = new ErrorLog([
      { file: first, level: ERROR },
      { file: second, level: NOTICE },
    ])
    log.write(ERROR, 'both')
    log.write(NOTICE, 'second only')
    log.write(DEBUG, 'nobody')
    expect(lines(first)).toHaveLength(1)
    expect(lines(second)).toHaveLength(2)
    expect(log.level).toBe(NOTICE)
  })

  test('a long message is cut so that the line has 2048 bytes', () => {
    new ErrorLog([{ file: first, level: ERROR }]).write(ERROR, 'x'.repeat(5000))
    expect(lines(first)[0]).toHaveLength(2047)
  })

  test('an alert is in the file at once, for the process may be about to die', () => {
    const log = new ErrorLog([{ file: first, level: ERROR }])
    log.write(ALERT, 'now')
    expect(readFileSync(first.path, 'latin1')).toContain('[alert]')
  })

  test('words of levels are found in both directions', () => {
    expect(levelOfWord('warn')).toBe(WARN)
    expect(levelOfWord('')).toBeUndefined()
    expect(levelOfWord('verbose')).toBeUndefined()
  })
})
