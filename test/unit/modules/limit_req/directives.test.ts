// limit_req_zone, limit_req and their companions as configuration: what is refused, in nginx's words, and what is merged.

import { describe, expect, it } from 'vitest'
import { type LimitReqConf, limitReq } from '../../../../src/modules/limit_req/index.ts'
import { errorOf, readHttp } from '../serve.ts'

const ZONE = 'limit_req_zone $uri zone=one:1m rate=1r/s;'

describe('limit_req_zone refuses', () => {
  it.each([
    ['$uri zone=one rate=1r/s', 'invalid zone size "zone=one"'],
    ['$uri zone=one: rate=1r/s', 'invalid zone size "zone=one:"'],
    ['$uri zone=one:1g rate=1r/s', 'invalid zone size "zone=one:1g"'],
    ['$uri zone=one:1m:2 rate=1r/s', 'invalid zone size "zone=one:1m:2"'],
    ['$uri zone=one:32767 rate=1r/s', 'zone "zone=one:32767" is too small'],
    ['$uri zone=:1m rate=1r/s', '"limit_req_zone" must have "zone" parameter'],
    ['$uri rate=1r/s rate=2r/s', '"limit_req_zone" must have "zone" parameter'],
    ['$uri zone=one:1m rate=0r/s', 'invalid rate "rate=0r/s"'],
    ['$uri zone=one:1m rate=-1r/s', 'invalid rate "rate=-1r/s"'],
    ['$uri zone=one:1m rate=1.5r/s', 'invalid rate "rate=1.5r/s"'],
    ['$uri zone=one:1m rate=1r/h', 'invalid rate "rate=1r/h"'],
    ['$uri zone=one:1m rate=', 'invalid rate "rate="'],
    ['$uri zone=one:1m rate=r/s', 'invalid rate "rate=r/s"'],
    ['$uri zone=one:1m burst=1', 'invalid parameter "burst=1"'],
    ['$uri zone=one:1m rate=1r/s state=', 'invalid state "state="'],
    ['$uri zone=one:1m rate=1r/s state=/x y', 'invalid number of arguments in "limit_req_zone" directive'],
    ['$uri zone=one:1m', 'invalid number of arguments in "limit_req_zone" directive'],
  ])('%s', (text, message) => {
    expect(errorOf(`limit_req_zone ${text};`)).toBe(message)
  })

  it('a second key for a zone', () => {
    const again = 'limit_req_zone $args zone=one:1m rate=1r/s;'
    expect(errorOf(ZONE + again)).toBe('limit_req_zone "one" is already bound to key "$uri"')
  })

  it('one state file for two zones', () => {
    const two = 'limit_req_zone $uri zone=two:1m rate=1r/s state=/x;'
    expect(errorOf(`limit_req_zone $uri zone=one:1m rate=1r/s state=/x; ${two}`)).toBe(
      'the state file "/x" is already used by zone "one"',
    )
  })

  it('another size for a zone', () => {
    expect(errorOf(`${ZONE} limit_req_zone $uri zone=one:2m rate=1r/s;`)).toBe(
      'the size 2097152 of shared memory zone "one" conflicts with already declared size 1048576',
    )
  })
})

describe('limit_req refuses', () => {
  it.each([
    ['limit_req burst=1;', '"limit_req" must have "zone" parameter'],
    ['limit_req zone=one burst=0;', 'invalid burst value "burst=0"'],
    ['limit_req zone=one burst=x;', 'invalid burst value "burst=x"'],
    ['limit_req zone=one delay=0;', 'invalid delay value "delay=0"'],
    ['limit_req zone=one nodelay=1;', 'invalid parameter "nodelay=1"'],
    ['limit_req zone=one; limit_req zone=one burst=3;', '"limit_req" directive is duplicate'],
    ['limit_req zone=two;', 'zero size shared memory zone "two"'],
    ['limit_req zone=;', 'zero size shared memory zone ""'],
    ['limit_req zone=one burst=1 nodelay delay=1;', 'invalid number of arguments in "limit_req" directive'],
    ['limit_req_status 399;', 'value must be between 400 and 599'],
    ['limit_req_status 600;', 'value must be between 400 and 599'],
    ['limit_req_status x;', '"limit_req_status" directive invalid number'],
    ['limit_req_status 429; limit_req_status 429;', '"limit_req_status" directive is duplicate'],
    ['limit_req_log_level crit;', 'invalid value "crit"'],
    ['limit_req_dry_run maybe;', 'invalid value "maybe" in "limit_req_dry_run" directive, it must be "on" or "off"'],
    ['server { location / { if ($uri) { limit_req zone=one; } } }', '"limit_req" directive is not allowed here'],
    ['server { limit_req_zone $uri zone=x:1m rate=1r/s; }', '"limit_req_zone" directive is not allowed here'],
  ])('%s', (text, message) => {
    expect(errorOf(ZONE + text)).toBe(message)
  })
})

it('limit_req refuses more limits at one level than one call can decide', () => {
  const zones = Array.from({ length: 17 }, (_, i) => `limit_req_zone $uri zone=z${i}:1m rate=1r/s;`)
  const limits = Array.from({ length: 17 }, (_, i) => `limit_req zone=z${i};`)
  expect(errorOf([...zones, ...limits.slice(1)].join(' '))).toBe('')
  expect(errorOf([...zones, ...limits].join(' '))).toBe('more than 16 "limit_req" directives at one level')
})

/** The merged configuration of the only location of the only server. */
function locationConf(body: string): LimitReqConf {
  const { configuration } = readHttp(body)
  return configuration.servers[0]?.all[1]?.confs[limitReq.id] as LimitReqConf
}

describe('limit_req keeps', () => {
  it.each([
    ['1r/s', 1000],
    ['10r/s', 10_000],
    ['1r/m', 16],
    ['30r/m', 500],
    ['59r/m', 983],
    ['7', 7000],
  ])('a rate of %s as %d ticks a second', (rate, ticks) => {
    const conf = locationConf(`limit_req_zone $uri rate=${rate} zone=one:1m; server { location / {} }`)
    expect(conf.zones.get('one')?.rate).toBe(ticks)
  })

  it('1r/s when no rate is given', () => {
    const conf = locationConf('limit_req_zone $uri zone=one:1m zone=one:1m; server { location / {} }')
    expect(conf.zones.get('one')?.rate).toBe(1000)
  })

  it('burst and delay in ticks, and the last of delay and nodelay', () => {
    const body = (words: string): string => `${ZONE} server { location / { limit_req zone=one ${words}; } }`
    expect(locationConf(body('burst=5')).limits[0]).toMatchObject({ burst: 5000, delay: 0 })
    expect(locationConf(body('burst=5 delay=3')).limits[0]).toMatchObject({ burst: 5000, delay: 3000 })
    expect(locationConf(body('delay=3 nodelay')).limits[0]).toMatchObject({ delay: Number.POSITIVE_INFINITY })
    expect(locationConf(body('nodelay delay=3')).limits[0]).toMatchObject({ delay: 3000 })
  })

  it('a zone that is declared behind its use', () => {
    const conf = locationConf(`server { location / { limit_req zone=one; } } ${ZONE}`)
    expect(conf.limits[0]?.zone).toBe(conf.zones.get('one')?.zone)
  })

  it('the limits of the parent only where the level has none of its own', () => {
    const two = 'limit_req_zone $args zone=two:1m rate=1r/s;'
    const inherited = locationConf(`${ZONE} server { limit_req zone=one; limit_req_status 429; location / {} }`)
    expect(inherited.limits.map(({ zone }) => zone.name)).toEqual(['one'])
    expect(inherited.status).toBe(429)
    const own = locationConf(`${ZONE} ${two} server { limit_req zone=one; location / { limit_req zone=two; } }`)
    expect(own.limits.map(({ zone }) => zone.name)).toEqual(['two'])
  })
})
