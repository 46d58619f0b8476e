import { expect, it } from 'vitest'
import { mergeLevel, newLevel, ownOf } from '../../../src/config/level.ts'

interface Conf {
  a: number
  list: readonly string[]
}
const defaults: Conf = { a: 1, list: ['default'] }

it('a level takes what it leaves unset from its parent', () => {
  expect(mergeLevel(defaults, { a: 2 })).toEqual({ a: 2, list: ['default'] })
  expect(mergeLevel(defaults, undefined)).toEqual(defaults)
})

it('a list is replaced, not appended to', () => {
  expect(mergeLevel(defaults, { list: [] })).toEqual({ a: 1, list: [] })
})

it('the result cannot be changed, and is no part of the parent', () => {
  const merged = mergeLevel(defaults, {})
  expect(Object.isFrozen(merged)).toBe(true)
  expect(merged).not.toBe(defaults)
})

it('a new level holds nothing and knows its parent', () => {
  const root = newLevel('main', undefined)
  const level = newLevel('http', root)
  expect(level).toEqual({ context: 'http', parent: root, own: [] })
  expect(ownOf(level, { id: 4 })).toBeUndefined()
  level.own[4] = defaults
  expect(ownOf(level, { id: 4 })).toBe(defaults)
})
