// HAProxy: one thread, any idle connection to the origin may be used for any client.

import { expectedStatus } from '../scenario.ts'
import type { Contender } from './contender.ts'
import { findProgram, programVersion, startProgram } from './program.ts'

const HAPROXY = findProgram('haproxy')

export const HAPROXY_PEER: Contender = {
  name: 'HAProxy',
  version: programVersion(HAPROXY, '-v', /version (\S+)/),
  install: 'apt-get install haproxy',
  // Its limit counts requests in a sliding second; what is above gets its answer at once, as from limit_req with nodelay.
  start: (scenario, originPort) => {
    const logs = scenario.accessLog === true || (scenario.limit === 'refuses' && scenario.logsRefusals !== false)
    const most = scenario.limit === 'refuses' ? 0 : 1_000_000
    const limit = `
  stick-table type ip size 100k expire 60s store http_req_rate(1s)
  http-request track-sc0 src
  http-request deny deny_status ${expectedStatus(scenario)} if { sc_http_req_rate(0) gt ${most} }`
    const conf = (port: number) => `global
  nbthread 1
  maxconn 8192
  ${logs ? 'log stdout format raw local0' : ''}
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:${port} backlog 4096
  ${logs ? 'log global\n  option httplog' : ''}
  ${scenario.limit === undefined ? '' : limit}
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort}
`
    return startProgram({
      files: (port) => ({ 'haproxy.cfg': conf(port) }),
      command: (_, dir) => [HAPROXY ?? '', '-db', '-f', `${dir}/haproxy.cfg`],
    })
  },
}
