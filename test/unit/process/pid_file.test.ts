import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deletePidFile, probePidFile, readPidFile, writePidFile } from '../../../src/process/pid_file.ts'

let directory: string
let path: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-pid-'))
  path = join(directory, 'a.pid')
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('the pid file', () => {
  test('holds the pid and a newline, whatever was there before', () => {
    writeFileSync(path, 'something longer than a pid\n')
    writePidFile(path)
    expect(readFileSync(path, 'latin1')).toBe(`${process.pid}\n`)
    expect(readPidFile(path)).toBe(process.pid)
  })

  test('is removed', () => {
    writePidFile(path)
    deletePidFile(path)
    expect(existsSync(path)).toBe(false)
    expect(() => deletePidFile(path)).toThrow(`unlink() "${path}" failed (2: No such file or directory)`)
  })

  test('probing leaves the content alone', () => {
    writeFileSync(path, '1\n')
    probePidFile(path)
    expect(readFileSync(path, 'latin1')).toBe('1\n')
  })

  test('that cannot be written or read is told by name', () => {
    const nowhere = join(directory, 'folder', 'a.pid')
    const message = `open() "${nowhere}" failed (2: No such file or directory)`
    expect(() => writePidFile(nowhere)).toThrow(message)
    expect(() => probePidFile(nowhere)).toThrow(message)
    expect(() => readPidFile(nowhere)).toThrow(message)
  })

  test.each([
    ['', ''],
    ['x\n', 'x'],
    ['0\n', '0'],
    ['-1\n', '-1'],
    ['12 13\n', '12 13'],
  ])('%j is no pid', (content, shown) => {
    writeFileSync(path, content)
    expect(() => readPidFile(path)).toThrow(`invalid PID number "${shown}" in "${path}"`)
  })
})
