import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inFolder, readAndCheck, readConftest } from './conftest.ts'

const CASES = join(import.meta.dirname, 'cases')
const names = readdirSync(CASES).filter((name) => name.endsWith('.conftest'))

describe('golden configurations', () => {
  it('are there', () => {
    expect(names.length).toBeGreaterThan(20)
  })

  it.each(names)('%s', (name) => {
    const { files, globals, expected } = readConftest(join(CASES, name))
    const { error, result } = inFolder(files, (dir) => readAndCheck(dir, globals))
    if (expected.startsWith('{')) {
      expect(error).toBeUndefined()
      expect(result).toMatchObject(JSON.parse(expected) as object)
    } else {
      expect(error).toBe(expected)
    }
  })
})
