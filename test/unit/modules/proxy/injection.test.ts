// A client that hides line breaks in its target must not write lines into what we send, up or down.

import { afterEach, expect, test } from 'vitest'
import { httpOrigin } from '../../../harness/origin.ts'
import { type Served, serve } from '../serve.ts'

let served: Served | undefined

afterEach(() => {
  served?.stop()
  served = undefined
})

test.each([
  ['a set header', 'proxy_set_header X-Uri $uri;', ''],
  ['the host', 'proxy_set_header Host $uri;', ''],
  ['the URI part', '', '$uri'],
  ['the URI part behind a path', '', '/x$uri?y=$uri'],
])('line breaks in %s stay within their line', async (_, directives, uri) => {
  const origin = await httpOrigin(() => 'ok')
  served = serve(`
    server {
      listen 127.0.0.1:8080;
      location / { proxy_pass http://127.0.0.1:${origin.port}${uri}; ${directives} }
    }`)
  expect((await served.get('/a%0d%0aEvil:%20yes%20HTTP/1.1%0d%0a%0d%0aGET%20/evil')).status).toBe(200)
  expect(origin.requests).toHaveLength(1)
  expect(origin.requests[0]?.header('Evil')).toBeUndefined()
})

test('line breaks in a rewritten Location stay within their line', async () => {
  const origin = await httpOrigin(() => ({ status: 302, headers: ['Location: http://old/'] }))
  served = serve(`
    server {
      listen 127.0.0.1:8080;
      location / { proxy_pass http://127.0.0.1:${origin.port}; proxy_redirect http://old/ $uri; }
      location /abs { proxy_pass http://127.0.0.1:${origin.port}; proxy_redirect http://old/ http://new$uri; }
    }`)
  for (const path of ['/a', '/abs']) {
    const response = await served.get(`${path}%0d%0aEvil:%20yes`)
    expect(response.status).toBe(302)
    expect(response.header('Location')).toContain(`${path}  Evil: yes`)
    expect(response.header('Evil')).toBeUndefined()
  }
})

test('a method from variables must be one word', async () => {
  const origin = await httpOrigin(() => 'ok')
  served = serve(`
    server {
      listen 127.0.0.1:8080;
      location / { proxy_pass http://127.0.0.1:${origin.port}; proxy_method "X$uri"; }
    }`)
  expect((await served.get('/a%20b')).status).toBe(500)
  expect((await served.get('/a')).status).toBe(200)
  expect(origin.requests[0]?.method).toBe('X/a')
})
