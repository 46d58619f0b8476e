// $binary_remote_net and remote_net_prefix, for requests whose client's address is set by hand.

import { afterEach, describe, expect, it } from 'vitest'
import type { HttpModule } from '../../../src/http/module.ts'
import { DECLINED, defineModule } from '../../../src/http/module.ts'
import { parseAddress } from '../../../src/modules/cidr.ts'
import { HTTP_MODULES } from '../../../src/modules/index.ts'
import { errorOf, type Served, serve } from './serve.ts'

// The client is whoever the argument says, as the real address is for a proxy in front.
const client: HttpModule<object> = defineModule<object>({
  name: 'test_client',
  defaults: {},
  directives: {},
  phases: [
    {
      at: 'post_read',
      build: () => (r) => {
        r.binaryRemoteAddr = parseAddress(r.args) ?? ''
        return DECLINED
      },
    },
  ],
})

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

function start(http: string): Served {
  served = serve(http, { modules: [client, ...HTTP_MODULES] })
  return served
}

async function networkOf(uri: string): Promise<string> {
  const text = (await served?.get(uri))?.body ?? 'nothing'
  return Buffer.from(text, 'latin1').toString('hex')
}

const SHOW = 'return 200 $binary_remote_net;'

describe('$binary_remote_net', () => {
  it.each([
    ['192.168.7.9', 'c0a80709'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020000000000000000'],
    ['::ffff:192.168.7.9', 'c0a80709'],
    ['no address', ''],
  ])('of %s is %s', async (address, hex) => {
    start(`server { listen 127.0.0.1:8080; ${SHOW} }`)
    expect(await networkOf(`/?${address.replace(' ', '')}`)).toBe(hex)
  })

  it('has the prefix of its location, of which each family is inherited alone', async () => {
    start(`remote_net_prefix ipv4=24 ipv6=48;
      server {
        listen 127.0.0.1:8080;
        location / { ${SHOW} }
        location /a/ { remote_net_prefix ipv6=56; ${SHOW} }
        location /b/ { remote_net_prefix ipv4=12; ${SHOW} }
        location /c/ { remote_net_prefix ipv6=128 ipv4=0; ${SHOW} }
      }`)
    const six = '2001:db8:1:ffff:3:4:5:6'
    expect(await networkOf('/?10.255.3.4')).toBe('0aff0300')
    expect(await networkOf(`/?${six}`)).toBe('20010db8000100000000000000000000')
    expect(await networkOf('/a/?10.255.3.4')).toBe('0aff0300')
    expect(await networkOf(`/a/?${six}`)).toBe('20010db80001ff000000000000000000')
    expect(await networkOf('/b/?10.255.3.4')).toBe('0af00000')
    expect(await networkOf(`/b/?${six}`)).toBe('20010db8000100000000000000000000')
    expect(await networkOf('/c/?10.255.3.4')).toBe('00000000')
    expect(await networkOf(`/c/?${six}`)).toBe('20010db80001ffff0003000400050006')
  })

  it('lets the addresses of one /64 share a limit, and no others', async () => {
    start(`limit_req_zone $binary_remote_net zone=one:1m rate=1r/m;
      server { listen 127.0.0.1:8080; root /none; location / { limit_req zone=one; } }`)
    const status = async (address: string): Promise<number | undefined> => (await served?.get(`/?${address}`))?.status
    expect(await status('2001:db8::1')).toBe(404)
    expect(await status('2001:db8::ffff:1')).toBe(503)
    expect(await status('2001:db8:0:1::1')).toBe(404)
    expect(await status('10.0.0.1')).toBe(404)
    expect(await status('::ffff:10.0.0.1')).toBe(503)
    expect(await status('10.0.0.2')).toBe(404)
  })
})

describe('remote_net_prefix', () => {
  it.each([
    ['remote_net_prefix;', 'invalid number of arguments in "remote_net_prefix" directive'],
    ['remote_net_prefix 24;', 'invalid parameter "24"'],
    ['remote_net_prefix ipv5=1;', 'invalid parameter "ipv5=1"'],
    ['remote_net_prefix ipv4=;', 'invalid prefix "ipv4=", it must be between 0 and 32'],
    ['remote_net_prefix ipv4=33;', 'invalid prefix "ipv4=33", it must be between 0 and 32'],
    ['remote_net_prefix ipv6=129;', 'invalid prefix "ipv6=129", it must be between 0 and 128'],
    ['remote_net_prefix ipv6=-1;', 'invalid prefix "ipv6=-1", it must be between 0 and 128'],
    ['remote_net_prefix ipv4=24 ipv4=24;', 'duplicate parameter "ipv4=24"'],
    ['remote_net_prefix ipv4=24; remote_net_prefix ipv6=24;', '"remote_net_prefix" directive is duplicate'],
  ])('%s: %s', (directives, error) => {
    expect(errorOf(directives)).toBe(error)
  })
})
