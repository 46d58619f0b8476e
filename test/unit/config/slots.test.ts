import { describe, expect, expectTypeOf, it } from 'vitest'
import { type Buffers, checkBounds, slotsFor } from '../../../src/config/slots.ts'
import type { ConfigOwner, Context, Directive } from '../../../src/config/types.ts'
import { errorOfText, parseText } from './support.ts'

interface Conf {
  flag: boolean
  count: number
  limit: number | undefined
  name: string
  level: 'info' | 'warn'
  names: readonly string[]
  buffers: Buffers
  auto: number | 'auto'
}

const MAIN: readonly Context[] = ['main']
const slot = slotsFor<Conf>()

function ownerOf(directive: Directive<Conf>): ConfigOwner {
  return { id: 3, name: 'owner', directives: { d: directive } }
}

const parseWith = (directive: Directive<Conf>, text: string) => {
  const parsed = parseText(text, { owners: [ownerOf(directive)] })
  return { own: parsed.root.own[3], warnings: parsed.warnings }
}
const ownOf = (directive: Directive<Conf>, text: string) => parseWith(directive, text).own
const failure = (directive: Directive<Conf>, text: string) => errorOfText(text, { owners: [ownerOf(directive)] })

describe('a flag', () => {
  const flag = slot.flag(MAIN, 'flag')

  it('is on or off in any case', () => {
    expect(ownOf(flag, 'd on;')).toEqual({ flag: true })
    expect(ownOf(flag, 'd OFF;')).toEqual({ flag: false })
  })
  it('is nothing else', () => {
    expect(failure(flag, 'd yes;')).toBe(
      'invalid value "yes" in "d" directive, it must be "on" or "off" in /conf/main.conf:1',
    )
    expect(failure(flag, 'd on on;')).toBe('invalid number of arguments in "d" directive in /conf/main.conf:1')
  })
  it('leaves the key absent when unset', () => {
    expect(ownOf(flag, '')).toBeUndefined()
  })
})

describe('a number', () => {
  const text = 'd 5;'
  it('may be without bounds', () => {
    expect(ownOf(slot.integer(MAIN, 'count'), text)).toEqual({ count: 5 })
    expect(failure(slot.integer(MAIN, 'count'), 'd 5k;')).toBe('"d" directive invalid number in /conf/main.conf:1')
  })
  it('keeps both its bounds', () => {
    const bounded = slot.integer(MAIN, 'limit', { min: 4, max: 5 })
    expect(ownOf(bounded, 'd 4;')).toEqual({ limit: 4 })
    expect(ownOf(bounded, text)).toEqual({ limit: 5 })
    expect(failure(bounded, 'd 3;')).toBe('value must be between 4 and 5 in /conf/main.conf:1')
    expect(failure(bounded, 'd 6;')).toBe('value must be between 4 and 5 in /conf/main.conf:1')
  })
  it('may have a lower bound only', () => {
    const bounded = slot.integer(MAIN, 'count', { min: 1 })
    expect(ownOf(bounded, 'd 1;')).toEqual({ count: 1 })
    expect(failure(bounded, 'd 0;')).toBe('value must be equal to or greater than 1 in /conf/main.conf:1')
  })
  it('may be checked by setters of their own', () => {
    const d: Directive<Conf> = { in: MAIN, args: 0, set: (cf) => checkBounds(cf, 7, { min: 1, max: 5 }) }
    expect(failure(d, 'd;')).toBe('value must be between 1 and 5 in /conf/main.conf:1')
  })
})

describe('sizes and times', () => {
  it.each([
    ['size', slot.size(MAIN, 'count'), '2k', 2048, '2g'],
    ['offset', slot.offset(MAIN, 'count'), '2g', 2 ** 31, '2t'],
    ['timeMs', slot.timeMs(MAIN, 'count'), '1m', 60_000, '1y'],
    ['timeSec', slot.timeSec(MAIN, 'count'), '1m', 60, '1ms'],
  ])('%s has its units', (_name, directive, good, value, bad) => {
    expect(ownOf(directive, `d ${good};`)).toEqual({ count: value })
    expect(failure(directive, `d ${bad};`)).toBe('"d" directive invalid value in /conf/main.conf:1')
  })
})

describe('words', () => {
  it('are kept as the declaration writes them', () => {
    const oneOf = slot.oneOf(MAIN, 'level', ['info', 'warn'])
    expect(ownOf(oneOf, 'd WARN;')).toEqual({ level: 'warn' })
    expect(failure(oneOf, 'd error;')).toBe('invalid value "error" in /conf/main.conf:1')
  })
  it('as a text are kept as they are', () => {
    expect(ownOf(slot.string(MAIN, 'name'), 'd "A b";')).toEqual({ name: 'A b' })
  })
  it('as a path are completed by the prefix that is asked for', () => {
    expect(ownOf(slot.path(MAIN, 'name', 'conf'), 'd a;')).toEqual({ name: '/conf/a' })
    expect(ownOf(slot.path(MAIN, 'name', 'prefix'), 'd a;')).toEqual({ name: '/prefix/a' })
    expect(ownOf(slot.path(MAIN, 'name', 'prefix'), 'd /a;')).toEqual({ name: '/a' })
  })
  it('as a list are appended', () => {
    expect(ownOf(slot.list(MAIN, 'names'), 'd a; d b; d a;')).toEqual({ names: ['a', 'b', 'a'] })
    expect(ownOf(slot.list(MAIN, 'names', [1, 3]), 'd a b; d c;')).toEqual({ names: ['a', 'b', 'c'] })
  })
})

describe('a bit mask', () => {
  const mask = slot.bitmask(MAIN, 'count', { error: 1, timeout: 2, off: 4 })

  it('gathers words of one directive and of several', () => {
    expect(ownOf(mask, 'd error OFF;')).toEqual({ count: 5 })
    expect(ownOf(mask, 'd error; d timeout;')).toEqual({ count: 3 })
  })
  it('warns of a repeated word', () => {
    expect(parseWith(mask, 'd error\nerror;')).toEqual({
      own: { count: 1 },
      warnings: ['duplicate value "error" in /conf/main.conf:2'],
    })
  })
  it('refuses unknown words', () => {
    expect(failure(mask, 'd error what;')).toBe('invalid value "what" in /conf/main.conf:1')
  })
})

describe('buffers', () => {
  const bufs = slot.bufs(MAIN, 'buffers')

  it('are a number and a size', () => {
    expect(ownOf(bufs, 'd 4 8k;')).toEqual({ buffers: { count: 4, sizeBytes: 8192 } })
  })
  it.each(['0 8k', '4 0', 'x 8k', '4 x'])('%j is refused', (text) => {
    expect(failure(bufs, `d ${text};`)).toBe('"d" directive invalid value in /conf/main.conf:1')
  })
})

describe('an access mode', () => {
  const access = slot.accessMode(MAIN, 'count')

  it('always lets the owner read and write', () => {
    expect(ownOf(access, 'd group:rw all:r;')).toEqual({ count: 0o664 })
    expect(ownOf(access, 'd user:r;')).toEqual({ count: 0o600 })
  })
  it.each(['user', 'user:x', 'users:r', 'all:rwx', 'r'])('%j is refused', (text) => {
    expect(failure(access, `d ${text};`)).toBe(`invalid value "${text}" in /conf/main.conf:1`)
  })
})

it.each([
  [slot.flag(MAIN, 'flag'), 'on'],
  [slot.flag(MAIN, 'flag'), 'off'],
  [slot.integer(MAIN, 'count'), '0'],
  [slot.integer(MAIN, 'count'), '1'],
  [slot.size(MAIN, 'count'), '1'],
  [slot.timeMs(MAIN, 'count'), '1'],
  [slot.string(MAIN, 'name'), 'x'],
  [slot.oneOf(MAIN, 'level', ['info']), 'info'],
  [slot.bufs(MAIN, 'buffers'), '1 1'],
  [slot.accessMode(MAIN, 'count'), 'all:r'],
])('a directive is given once', (directive, text) => {
  // The second value is not even looked at.
  expect(failure(directive, `d ${text};\nd ${text.replace(/\w+/, 'bad')};`)).toBe(
    '"d" directive is duplicate in /conf/main.conf:2',
  )
})

it('a field of the wrong type does not compile', () => {
  // @ts-expect-error a flag on a number
  slot.flag(MAIN, 'count')
  // @ts-expect-error a number on a flag
  slot.integer(MAIN, 'flag')
  // @ts-expect-error a text on a field of certain words
  slot.string(MAIN, 'level')
  // @ts-expect-error a word that the field does not have
  slot.oneOf(MAIN, 'level', ['error'])
  // @ts-expect-error words on a field without words
  slot.oneOf(MAIN, 'count', ['error'])
  // @ts-expect-error an unknown field
  slot.flag(MAIN, 'nothing')
  // @ts-expect-error an unknown context
  slot.flag(['nowhere'], 'flag')
  // @ts-expect-error a list on a text
  slot.list(MAIN, 'name')
  expectTypeOf(slot.integer(MAIN, 'auto')).toEqualTypeOf<Directive<Conf>>()
})
