import { describe, expect, it } from 'vitest'
import { Dispatcher } from '../../../src/config/dispatch.ts'
import { newLevel } from '../../../src/config/level.ts'
import type { Arity, ConfigCursor, ConfigOwner } from '../../../src/config/types.ts'
import { errorOfText, ownerOf, parseText } from './support.ts'

const HERE = 'in /conf/main.conf:1'
const block = ownerOf('block', { block: true, args: 0, set: (cf) => cf.block(newLevel('http', cf.level)) }, 2)

describe('a directive', () => {
  it('must be known', () => {
    expect(errorOfText('nothing on;')).toBe(`unknown directive "nothing" ${HERE}`)
  })

  it('must stand in one of its contexts', () => {
    expect(errorOfText('d 1;', { owners: [ownerOf('d', { in: ['http'] })] })).toBe(
      `"d" directive is not allowed here ${HERE}`,
    )
  })

  it('without a body must end with a semicolon', () => {
    expect(errorOfText('d 1 {}', { owners: [ownerOf('d', {})] })).toBe(`directive "d" is not terminated by ";" ${HERE}`)
  })

  it('with a body must have one', () => {
    expect(errorOfText('block;', { owners: [block] })).toBe(`directive "block" has no opening "{" ${HERE}`)
  })

  it('is checked for context, then body, then number of words', () => {
    const owners = [ownerOf('d', { in: ['http'], args: 0 }), block]
    expect(errorOfText('d 1 {}', { owners })).toContain('is not allowed here')
    expect(errorOfText('block { d 1 {} }', { owners })).toContain('is not terminated by')
    expect(errorOfText('block { d 1; }', { owners })).toContain('invalid number of arguments')
  })

  it.each<[Arity, number[]]>([
    [0, [0]],
    [2, [2]],
    [
      [1, 2],
      [1, 2],
    ],
    [
      [1, Number.POSITIVE_INFINITY],
      [1, 2, 3],
    ],
    ['flag', [1]],
  ])('with arity %j takes %j arguments', (args, allowed) => {
    for (const count of [0, 1, 2, 3]) {
      const text = `d${' x'.repeat(count)};`
      const owners = [ownerOf('d', { args })]
      if (allowed.includes(count)) parseText(text, { owners })
      else expect(errorOfText(text, { owners })).toBe(`invalid number of arguments in "d" directive ${HERE}`)
    }
  })

  it('may be declared again for other contexts', () => {
    const calls: string[] = []
    const owners: ConfigOwner[] = [
      ownerOf('d', { in: ['http', 'server'], set: () => calls.push('http') }, 7),
      ownerOf('d', { in: ['main'], set: () => calls.push('main') }, 8),
      block,
    ]
    parseText('d 1; block { d 1; } d 1;', { owners })
    expect(calls).toEqual(['main', 'http', 'main'])
  })

  it('sees what its owner has set before at the same level', () => {
    const set = (_cf: ConfigCursor, own: { count?: number }): void => {
      own.count = (own.count ?? 0) + 1
    }
    const owner = ownerOf('d', { in: ['main', 'http'], set }, 5)
    const { root } = parseText('d 1; block { d 1; } d 1;', { owners: [owner, block] })
    expect(root.own[5]).toEqual({ count: 2 })
  })
})

describe('the declarations', () => {
  it('must have distinct ids', () => {
    expect(() => new Dispatcher([ownerOf('a', {}, 1), ownerOf('b', {}, 1)])).toThrow('have the same id 1')
  })
  it('must not declare a name twice for a context', () => {
    expect(() => new Dispatcher([ownerOf('a', {}, 1), ownerOf('a', {}, 2)])).toThrow(
      '"a" is declared by owner_1 and owner_2',
    )
  })
  it('must leave include to the reader', () => {
    expect(() => new Dispatcher([ownerOf('include', {})])).toThrow('"include"')
  })
})

describe('a setter of a block', () => {
  it('must read its body', () => {
    const owners = [ownerOf('d', { block: true, args: 0, set: () => {} })]
    expect(() => parseText('d { }', { owners })).toThrow('the setter of "d" did not read its block')
  })
  it('must read it once', () => {
    const set = (cf: ConfigCursor): void => {
      cf.words(() => {})
      cf.words(() => {})
    }
    expect(() => parseText('d { }', { owners: [ownerOf('d', { block: true, args: 0, set })] })).toThrow('not there')
  })
  it('must not read one that is not there', () => {
    expect(() => parseText('d 1;', { owners: [ownerOf('d', { set: (cf) => cf.words(() => {}) })] })).toThrow(
      'not there',
    )
  })
})
