import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ListenRequest } from '../../../src/config/types.ts'
import { addon } from '../../../src/native/addon.ts'
import { helloLine } from '../../../src/process/hello.ts'
import type { ListeningSocket } from '../../../src/process/listening_sockets.ts'

function socket(family: ListenRequest['family'], address: string): ListeningSocket {
  const options = { family, address, port: 0, backlog: 1, reuseport: false, ipv6only: true }
  const request = { ...options, text: '', rcvbuf: -1, sndbuf: -1, deferred: false, fastopen: -1, keepalive: undefined }
  return { request, fd: addon.openListeningSocket(options), share: -1, spread: 1, inherited: false }
}

describe('helloLine', () => {
  test('says where sluice listens and what to try', () => {
    const sockets = [socket('inet', '127.0.0.1'), socket('inet', '0.0.0.0')]
    const [first, second] = sockets.map(({ fd }) => addon.socketName(fd).port)
    expect(helloLine(sockets)).toMatch(
      new RegExp(
        `^sluice [0-9.]+ listens on http://127\\.0\\.0\\.1:${first}/, http://localhost:${second}/; ` +
          `try: curl -i http://127\\.0\\.0\\.1:${first}/$`,
      ),
    )
    for (const { fd } of sockets) addon.close(fd)
  })

  test('knows unix sockets', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-hello-'))
    const only = socket('unix', join(directory, 's'))
    expect(helloLine([only])).toContain(`try: curl -i --unix-socket ${directory}/s http://localhost/`)
    addon.close(only.fd)
    rmSync(directory, { recursive: true })
  })

  test('says nothing when nothing listens', () => {
    expect(helloLine([])).toBeUndefined()
  })
})
