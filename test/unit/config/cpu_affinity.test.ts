import { describe, expect, it } from 'vitest'
import { type CpuAffinity, cpusOfWorker, readCpuAffinity } from '../../../src/config/cpu_affinity.ts'
import type { ConfigCursor } from '../../../src/config/types.ts'
import { errorOfText, ownerOf, parseText } from './support.ts'

function options(keep: (affinity: CpuAffinity) => void) {
  const set = (cf: ConfigCursor): void => keep(readCpuAffinity(cf))
  return { owners: [ownerOf('d', { args: [1, Number.POSITIVE_INFINITY], set })] }
}

function read(text: string): CpuAffinity | undefined {
  let affinity: CpuAffinity | undefined
  parseText(
    `d ${text};`,
    options((value) => (affinity = value)),
  )
  return affinity
}

describe('masks', () => {
  it('are binary numbers whose last digit is CPU 0', () => {
    expect(read('0001 1010 0')).toEqual({ auto: false, masks: [[0], [1, 3], []] })
  })
  it('may be grouped by blanks', () => {
    expect(read('"1000 0001"')).toEqual({ auto: false, masks: [[0, 7]] })
  })
  it('auto has all CPUs, or those of its mask', () => {
    expect(read('auto')).toEqual({ auto: true, masks: [[0, 1, 2, 3]] })
    expect(read('auto 0110')).toEqual({ auto: true, masks: [[1, 2]] })
  })
  it.each([
    ['auto 1 1', 'invalid number of arguments in "worker_cpu_affinity" directive'],
    ['1x1', 'invalid character "x" in "worker_cpu_affinity"'],
    ['0'.repeat(1025), '"worker_cpu_affinity" supports up to 1024 CPUs only'],
  ])('%s is refused', (text, error) => {
    expect(
      errorOfText(
        `d ${text};`,
        options(() => {}),
      ),
    ).toBe(`${error} in /conf/main.conf:1`)
  })
})

describe('a worker', () => {
  it('gets the mask of its number, beyond the list the last one', () => {
    const affinity = { auto: false, masks: [[0], [1, 2]] }
    expect([0, 1, 2, 9].map((slot) => cpusOfWorker(affinity, slot))).toEqual([[0], [1, 2], [1, 2], [1, 2]])
  })
  it('with auto gets one CPU of the mask, round and round', () => {
    const affinity = { auto: true, masks: [[1, 3]] }
    expect([0, 1, 2].map((slot) => cpusOfWorker(affinity, slot))).toEqual([[1], [3], [1]])
    expect(cpusOfWorker({ auto: true, masks: [[]] }, 0)).toBeUndefined()
  })
})
