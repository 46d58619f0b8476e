import { afterEach, describe, expect, test, vi } from 'vitest'
import { addon } from '../../../src/native/addon.ts'
import { buildId } from '../../../src/process/build_id.ts'
import { readSnapshot, writeSnapshot } from '../../../src/process/snapshot.ts'
import { startOptions } from '../../../src/process/start_options.ts'

const CONTENT = {
  options: startOptions({ prefix: '/p', file: undefined, errorLog: undefined, directives: 'daemon off;' }),
  source: {
    facts: { euid: 0, hostname: 'host', cpus: 2, cpuNumbers: [0, 1] },
    files: new Map([['/p/a.conf', new Uint8Array([0, 255, 10])]]),
    failures: new Map([['/p/b', { errno: 2, code: 'ENOENT' }]]),
    globs: new Map([['/p/*.conf', ['/p/a.conf']]]),
    hosts: new Map([['nowhere.test', undefined]]),
  },
  daemonised: false,
  zones: ['one'],
  files: ['/p/error.log'],
  listens: ['127.0.0.1:80'],
}

let fd = -1
afterEach(() => {
  addon.close(fd)
  vi.resetModules()
})

describe('snapshot', () => {
  test('is read as it was written, and may be read again by the next worker', () => {
    fd = writeSnapshot(CONTENT)
    expect(readSnapshot(fd)).toEqual({ ...CONTENT, buildId: buildId() })
    expect(readSnapshot(fd).source.files.get('/p/a.conf')).toEqual(new Uint8Array([0, 255, 10]))
  })

  test('of another build is refused', async () => {
    fd = writeSnapshot(CONTENT)
    vi.doMock('../../../src/process/build_id.ts', () => ({ buildId: () => '9.9.9-other' }))
    const other = await import('../../../src/process/snapshot.ts')
    vi.doUnmock('../../../src/process/build_id.ts')
    expect(() => other.readSnapshot(fd)).toThrow(/the master is build .* but this worker is 9\.9\.9-other/)
  })

  test('the id of a build carries the version', () => {
    fd = writeSnapshot(CONTENT)
    expect(buildId()).toMatch(/^\d+\.\d+\.\d+-[0-9a-f]{16}$/)
  })
})
