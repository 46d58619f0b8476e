import { describe, expect, it } from 'vitest'
import { checkZones } from '../../../src/config/resources.ts'
import type { ConfigCursor, ConfigOwner, ZoneRequest } from '../../../src/config/types.ts'
import { errorOf, errorOfText, ownerOf, parseText } from './support.ts'

const zones: ZoneRequest[] = []

/** `zone NAME SIZE TAG;` */
const set = (cf: ConfigCursor): void => {
  const [, name = '', size, tag = ''] = cf.args
  zones.push(cf.resources.zone(cf, name, Number(size), tag))
}
const owners: ConfigOwner[] = [ownerOf('zone', { args: 3, set })]
const parse = (text: string) => parseText(text, { owners })

describe('a zone', () => {
  it('is registered by its first mention', () => {
    const { resources } = parse('zone b 8 limit; zone a 9 limit;')
    expect([...resources.zones.values()]).toEqual([
      { name: 'b', tag: 'limit', sizeBytes: 8, keyText: undefined, statePath: undefined, handle: undefined },
      { name: 'a', tag: 'limit', sizeBytes: 9, keyText: undefined, statePath: undefined, handle: undefined },
    ])
  })

  it('is one object, referred to before or after its declaration', () => {
    zones.length = 0
    const { resources } = parse('zone a 0 limit; zone a 8 limit; zone a 0 limit; zone a 8 limit;')
    expect(new Set(zones).size).toBe(1)
    expect(resources.zones.get('a')?.sizeBytes).toBe(8)
  })

  it('has names that differ by case', () => {
    expect(parse('zone a 8 limit; zone A 9 limit;').resources.zones.size).toBe(2)
  })

  it('belongs to one module', () => {
    expect(errorOfText('zone a 8 limit;\nzone a 8 conn;', { owners })).toBe(
      'the shared memory zone "a" is already declared for a different use in /conf/main.conf:2',
    )
  })

  it('has one size', () => {
    expect(errorOfText('zone a 8 limit;\nzone a 9 limit;', { owners })).toBe(
      'the size 9 of shared memory zone "a" conflicts with already declared size 8 in /conf/main.conf:2',
    )
  })

  it('must have got a size in the end', () => {
    const { resources } = parse('zone a 8 limit; zone b 0 limit;')
    expect(errorOf(() => checkZones(resources))).toBe('zero size shared memory zone "b"')
    checkZones(parse('zone b 0 limit; zone b 8 limit;').resources)
  })
})

it('a log file is one object for all who write to it', () => {
  const { resources } = parse('')
  const file = resources.file('/log')
  expect(resources.file('/log')).toBe(file)
  expect(resources.file('/other')).not.toBe(file)
  expect([...resources.files.keys()]).toEqual(['/log', '/other'])
  expect(file.path).toBe('/log')
})
