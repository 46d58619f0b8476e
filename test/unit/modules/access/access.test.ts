// allow and deny, for a client at 127.0.0.1.

import { afterEach, describe, expect, it } from 'vitest'
import { errorOf, type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

/** Status of `/`, whose content is 404 where it is reached. */
async function statusWith(server: string, location = ''): Promise<number> {
  served = serve(`server { listen 127.0.0.1:8080; root /none; ${server} location / { ${location} } }`)
  return (await served.get('/x')).status
}

describe('access', () => {
  it.each([
    ['deny all;', 403],
    ['deny 127.0.0.1;', 403],
    ['deny 127.0.0.0/8;', 403],
    ['deny 10.0.0.0/8;', 404],
    ['allow 127.0.0.1; deny all;', 404],
    ['deny 127.0.0.1; allow all;', 403],
    ['allow 10.0.0.0/8; deny all;', 403],
    ['deny ::/0; deny unix:;', 404],
    ['satisfy any; allow 127.0.0.1; deny all;', 404],
  ])('%s: %d', async (rules, status) => {
    expect(await statusWith('', rules)).toBe(status)
  })

  it('is inherited only by levels without a rule', async () => {
    expect(await statusWith('deny all;')).toBe(403)
    served?.stop()
    expect(await statusWith('deny all;', 'allow all;')).toBe(404)
  })

  it('says why', async () => {
    await statusWith('deny all;')
    expect(served?.log.text).toContain('[error]')
    expect(served?.log.text).toContain('access forbidden by rule, client: 127.0.0.1')
  })

  it('refuses what is no address', () => {
    expect(errorOf('deny 1.2.3;')).toBe('invalid parameter "1.2.3"')
    expect(errorOf('allow host.test;')).toBe('invalid parameter "host.test"')
  })
})
