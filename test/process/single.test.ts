// `master_process off`: everything in one process.

import { describe, expect, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { wholeConf } from '../harness/conf_text.ts'
import { getOnce } from '../harness/http_text.ts'
import { httpOrigin } from '../harness/origin.ts'
import { descriptorCounts } from '../harness/processes.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const conf = (text: string) =>
  wholeConf({
    http: `server { listen 127.0.0.1:%%PORT:a%%; listen unix:%%SOCK:b%%; location / { return 200 "${text}"; } }`,
    main: 'master_process off;',
    workers: 0,
  })

describe('master_process off', () => {
  test('one process serves and ends with 0', async () => {
    const sluice = await startSluice({ conf: conf('alone') })
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('alone')
    expect(sluice.workers()).toEqual([])
    sluice.signal('SIGTERM')
    expect(await sluice.exited()).toBe(0)
    expect(sluice.file('server.pid')).toBe('')
  })

  test('HUP exchanges the configuration without a gap or a leak', async () => {
    const sluice = await startSluice({ conf: conf('old') })
    const get = async () => (await ask(sluice.port('a'), getOnce('/'))).body
    expect(await get()).toBe('old')
    await sluice.writeConf(conf('new'))
    sluice.signal('SIGHUP')
    await waitFor('the new configuration', async () => (await get()) === 'new')
    const before = [...descriptorCounts(sluice.pid)].sort()
    await sluice.writeConf(conf('newer'))
    sluice.signal('SIGHUP')
    await waitFor('the newer configuration', async () => (await get()) === 'newer')
    await waitFor('the same descriptors', () => {
      return JSON.stringify([...descriptorCounts(sluice.pid)].sort()) === JSON.stringify(before)
    })
  })

  test('a wrong configuration changes nothing', async () => {
    const sluice = await startSluice({ conf: conf('old'), expectAlerts: [/unknown directive "wrong"/] })
    await sluice.writeConf(`wrong;\n${conf('new')}`)
    await waitFor('it to serve', async () => (await ask(sluice.port('a'), getOnce('/'))).status === 200)
    sluice.signal('SIGHUP')
    await sluice.waitForLog(/\[emerg\].*unknown directive "wrong" in/)
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('old')
  })

  test('over a reload no line is lost that waits in a buffer, and connections to origins are kept as before', async () => {
    const origin = await httpOrigin(() => 'ok')
    const conf = wholeConf({
      http: `
        upstream back { server 127.0.0.1:%%PORT:origin%%; }
        log_format short '$uri';
        server {
          listen 127.0.0.1:%%PORT:a%%;
          access_log logs/short.log short buffer=4k;
          location / { proxy_pass http://back; }
        }`,
      logLevel: 'notice',
      main: 'master_process off;',
      workers: 0,
    })
    const sluice = await startSluice({ conf, ports: { origin: origin.port } })
    await ask(sluice.port('a'), getOnce('/before'))
    expect(sluice.file('logs/short.log')).toBe('')
    sluice.signal('SIGHUP')
    await waitFor('the line', () => sluice.file('logs/short.log') === '/before\n')
    for (let i = 0; i < 3; i++) await ask(sluice.port('a'), getOnce(`/after/${i}`))
    expect(origin.connections).toHaveLength(2)
  })
})
