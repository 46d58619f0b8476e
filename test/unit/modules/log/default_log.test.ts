// The log that servers have when nobody says anything, and when it is needed at all.

import { describe, expect, it } from 'vitest'
import { httpRootOf } from '../../../../src/http/blocks.ts'
import type { HttpRootLevel } from '../../../../src/http/levels.ts'
import { type LogConf, log } from '../../../../src/modules/log/index.ts'
import { readHttp } from '../serve.ts'

/** What `http { BODY }` logs at http level in the end, and the files to open. */
function defaultOf(body: string): { conf: Partial<LogConf> | undefined; files: string[] } {
  const { parsed } = readHttp(body)
  const root = httpRootOf(parsed.root) as HttpRootLevel
  return { conf: root.own[log.id], files: [...parsed.resources.files.keys()] }
}

describe('the default access log', () => {
  it('is logs/access.log in the combined format', () => {
    const { conf, files } = defaultOf('server { }')
    expect(files).toContain('/test/logs/access.log')
    expect(conf?.logs).toMatchObject([{ format: { name: 'combined' }, condition: undefined }])
  })

  it.each([
    'access_log a.log; server { }',
    'access_log off; server { }',
    'server { access_log a.log; } server { access_log off; }',
    '',
  ])('is not opened for %s', (body) => {
    expect(defaultOf(body).files).not.toContain('/test/logs/access.log')
  })

  it('is there when one server of several is without', () => {
    expect(defaultOf('server { access_log a.log; } server { location / { access_log b.log; } }').files).toContain(
      '/test/logs/access.log',
    )
  })
})
