// limit_conn_zone, limit_conn and their companions as configuration: what is refused, in nginx's words, and what is merged.

import { describe, expect, it } from 'vitest'
import { type LimitConnConf, limitConn } from '../../../../src/modules/limit_conn/index.ts'
import { errorOf, readHttp } from '../serve.ts'

const ZONE = 'limit_conn_zone $uri zone=one:1m;'

describe('limit_conn_zone refuses', () => {
  it.each([
    ['$uri zone=one', 'invalid zone size "zone=one"'],
    ['$uri zone=one:', 'invalid zone size "zone=one:"'],
    ['$uri zone=one:1g', 'invalid zone size "zone=one:1g"'],
    ['$uri zone=one:32767', 'zone "zone=one:32767" is too small'],
    ['$uri zone=:1m', '"limit_conn_zone" must have "zone" parameter'],
    ['$uri one:1m', 'invalid parameter "one:1m"'],
    ['$uri', 'invalid number of arguments in "limit_conn_zone" directive'],
    ['$uri zone=one:1m rate=1r/s', 'invalid number of arguments in "limit_conn_zone" directive'],
  ])('%s', (text, message) => {
    expect(errorOf(`limit_conn_zone ${text};`)).toBe(message)
  })

  it('a second key for a zone', () => {
    const again = 'limit_conn_zone $args zone=one:1m;'
    expect(errorOf(ZONE + again)).toBe('limit_conn_zone "one" is already bound to key "$uri"')
  })

  it('a zone of limit_req', () => {
    const message = 'the shared memory zone "one" is already declared for a different use'
    const other = 'limit_req_zone $uri zone=one:1m rate=1r/s;'
    expect(errorOf(other + ZONE)).toBe(message)
    expect(errorOf(`${other} limit_conn one 1;`)).toBe(message)
  })
})

describe('limit_conn refuses', () => {
  it.each([
    ['limit_conn one;', 'invalid number of arguments in "limit_conn" directive'],
    ['limit_conn one 0;', 'invalid number of connections "0"'],
    ['limit_conn one -1;', 'invalid number of connections "-1"'],
    ['limit_conn one x;', 'invalid number of connections "x"'],
    ['limit_conn one 99999999999999999999;', 'invalid number of connections "99999999999999999999"'],
    ['limit_conn one 65536;', 'connection limit must be less 65536'],
    // The zone is looked at first.
    ['limit_conn one 1; limit_conn one x;', '"limit_conn" directive is duplicate'],
    ['limit_conn two 1;', 'zero size shared memory zone "two"'],
    ['limit_conn_status 399;', 'value must be between 400 and 599'],
    ['limit_conn_status 600;', 'value must be between 400 and 599'],
    ['limit_conn_log_level crit;', 'invalid value "crit"'],
    ['limit_conn_dry_run maybe;', 'invalid value "maybe" in "limit_conn_dry_run" directive, it must be "on" or "off"'],
    ['server { location / { if ($uri) { limit_conn one 1; } } }', '"limit_conn" directive is not allowed here'],
    ['server { limit_conn_zone $uri zone=x:1m; }', '"limit_conn_zone" directive is not allowed here'],
  ])('%s', (text, message) => {
    expect(errorOf(ZONE + text)).toBe(message)
  })
})

it('limit_conn refuses more limits at one level than one call can decide', () => {
  const zones = Array.from({ length: 17 }, (_, i) => `limit_conn_zone $uri zone=z${i}:1m;`)
  const limits = Array.from({ length: 17 }, (_, i) => `limit_conn z${i} 1;`)
  expect(errorOf([...zones, ...limits.slice(1)].join(' '))).toBe('')
  expect(errorOf([...zones, ...limits].join(' '))).toBe('more than 16 "limit_conn" directives at one level')
})

/** The merged configuration of the only location of the only server. */
function locationConf(body: string): LimitConnConf {
  const { configuration } = readHttp(body)
  return configuration.servers[0]?.all[1]?.confs[limitConn.id] as LimitConnConf
}

describe('limit_conn keeps', () => {
  it('the number of connections, up to 65535', () => {
    const conf = locationConf(`${ZONE} server { location / { limit_conn one 65535; } }`)
    expect(conf.limits[0]).toMatchObject({ connections: 65535 })
  })

  it('a zone that is declared behind its use', () => {
    const conf = locationConf(`server { location / { limit_conn one 1; } } ${ZONE}`)
    expect(conf.limits[0]?.zone).toBe(conf.zones.get('one')?.zone)
  })

  it('the limits of the parent only where the level has none of its own', () => {
    const two = 'limit_conn_zone $args zone=two:1m;'
    const inherited = locationConf(`${ZONE} server { limit_conn one 1; limit_conn_status 429; location / {} }`)
    expect(inherited.limits.map(({ zone }) => zone.name)).toEqual(['one'])
    expect(inherited.status).toBe(429)
    const own = locationConf(`${ZONE} ${two} server { limit_conn one 1; location / { limit_conn two 1; } }`)
    expect(own.limits.map(({ zone }) => zone.name)).toEqual(['two'])
  })
})
