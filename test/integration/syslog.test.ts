// error_log and access_log to syslog, as a server on the other end sees them. `<PRI>` is facility * 8 + severity.

import { rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { getOnce } from '../harness/http_text.ts'
import { makeStoryDir } from '../harness/server_process.ts'
import { STORIES_OF_NGINX, startSluice } from '../harness/sluice.ts'
import { PERL, udpSyslog, unixSyslog } from '../harness/syslog_server.ts'
import { waitFor } from '../harness/wait_for.ts'

const HOST = hostname().toLowerCase()
const TIME = '[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d'
const SERVER = 'listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; }'
/** No such file: an error of the request. */
const MISSING = 'location /missing { root %%DIR%%; }'

describe('access_log syslog:', () => {
  test('sends each line without its newline, as local7.info of this machine', async () => {
    const syslog = await udpSyslog()
    const sluice = await startSluice({
      http: `log_format short '$request_method $uri';
        server { ${SERVER} access_log syslog:server=${syslog.address} short; }`,
    })
    await ask(sluice.port('a'), getOnce('/one'))
    expect(await syslog.receives(/one/)).toMatch(new RegExp(`^<190>${TIME} ${HOST} (sluice|nginx): GET /one$`))
  })

  test('takes facility, severity, tag, nohostname and if=', async () => {
    const syslog = await udpSyslog()
    const sluice = await startSluice({
      http: `log_format short '$uri';
        server { ${SERVER}
          access_log syslog:server=${syslog.address},facility=user,severity=warn,tag=web_1,nohostname short if=$arg_log; }`,
    })
    await ask(sluice.port('a'), getOnce('/not'))
    await ask(sluice.port('a'), getOnce('/one?log=1'))
    await ask(sluice.port('a'), getOnce('/two?log=1'))
    await syslog.receives(/two/)
    expect(syslog.messages).toHaveLength(2)
    expect(syslog.messages[0]).toMatch(new RegExp(`^<12>${TIME} web_1: /one$`))
  })
})

describe('error_log syslog:', () => {
  test('sends what a file would hold, with the severity of the message', async () => {
    const syslog = await udpSyslog()
    const sluice = await startSluice({
      main: `error_log syslog:server=${syslog.address},severity=debug,tag=t notice;`,
      http: `server { ${SERVER} ${MISSING} }`,
    })
    await ask(sluice.port('a'), getOnce('/missing'))
    const message = await syslog.receives(/open\(\)/)
    const line = '\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d \\[error\\] \\d+#\\d+: \\*\\d+ open\\(\\) .*'
    expect(message).toMatch(
      new RegExp(`^<187>${TIME} ${HOST} t: ${line}, client: 127.0.0.1, .*"GET /missing HTTP/1.1".*$`),
    )
    // The master's own messages, from notice on.
    await syslog.receives(/^<189>.*start worker process \d+$/)
    expect(syslog.messages.filter((text) => text.includes('[info]'))).toEqual([])
  })

  test('each server and location may have its own, beside files', async () => {
    const syslog = await udpSyslog()
    const sluice = await startSluice({
      http: `server { ${SERVER} ${MISSING}
        location /both { root %%DIR%%; error_log %%DIR%%/logs/both.log; error_log syslog:server=${syslog.address}; } }`,
    })
    await ask(sluice.port('a'), getOnce('/missing'))
    await ask(sluice.port('a'), getOnce('/both'))
    await syslog.receives(/GET \/both/)
    expect(syslog.messages).toHaveLength(1)
    await waitFor('the file', () => sluice.file('logs/both.log').includes('GET /both'))
    expect(sluice.log()).toContain('GET /missing')
    expect(sluice.log()).not.toContain('"GET /both')
  })

  // nginx 1.22 does not say which server it is.
  test.runIf(PERL !== undefined && !STORIES_OF_NGINX)(
    'a server that is away is told of, and found when it is there again',
    async () => {
      const dir = makeStoryDir()
      const sluice = await startSluice({
        http: `server { ${SERVER} access_log syslog:server=unix:${dir}/log,tag=t; }`,
        expectAlerts: [/connect\(\) failed \(\d+: [\w ]+\) while logging to syslog, server: unix:/],
      })
      await ask(sluice.port('a'), getOnce('/lost'))
      await sluice.waitForLog(/\[alert\].* connect\(\) failed \(2: No such file or directory\) while logging to syslog/)
      const first = await unixSyslog(`${dir}/log`)
      await ask(sluice.port('a'), getOnce('/first'))
      expect(await first.receives(/first/)).toMatch(/^<190>.* t: 127\.0\.0\.1 .*"GET \/first HTTP\/1\.1" 200/)
      first.close()
      await waitFor('a refused message', async () => {
        await ask(sluice.port('a'), getOnce('/refused'))
        return sluice.logLines(/send\(\) failed \(111: Connection refused\)/).length > 0
      })
      const second = await unixSyslog(`${dir}/log`)
      await ask(sluice.port('a'), getOnce('/second'))
      await second.receives(/second/)
      rmSync(dir, { recursive: true })
    },
  )
})
