// Caddy: one core, hence one thread that runs Go code at a time; connections to the origin are kept.

import type { Contender } from './contender.ts'
import { findProgram, programVersion, startProgram } from './program.ts'

const CADDY = findProgram('caddy')

export const CADDY_PEER: Contender = {
  name: 'Caddy',
  version: programVersion(CADDY, 'version', /(\S+)/),
  install: 'apt-get install caddy',
  declines: ({ limit }) => (limit === undefined ? undefined : 'no limit without a plugin'),
  start: (scenario, originPort) => {
    const conf = (port: number, dir: string) => `{
  admin off
  auto_https off
  log {
    output discard
  }
}
http://127.0.0.1:${port} {
  ${scenario.accessLog ? `log {\n    output file ${dir}/access.log {\n      roll_disabled\n    }\n  }` : ''}
  reverse_proxy 127.0.0.1:${originPort} {
    transport http {
      keepalive 10m
      keepalive_idle_conns 1024
      keepalive_idle_conns_per_host 1024
      compression off
    }
  }
}
`
    return startProgram({
      files: (port, dir) => ({ Caddyfile: conf(port, dir) }),
      command: (_, dir) => [CADDY ?? '', 'run', '--config', `${dir}/Caddyfile`, '--adapter', 'caddyfile'],
      env: () => ({ GOMAXPROCS: '1' }),
    })
  },
}
