// Sluice and nginx: one configuration for both, one worker each.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NGINX, NGINX_PRELUDE, nginxCommand, PACKAGE_ROOT, SLUICE_COMMAND } from '../../../test/harness/commands.ts'
import { wholeConf } from '../../../test/harness/conf_text.ts'
import { ServerProcess } from '../../../test/harness/server_process.ts'
import { PROXY_CORE, pinned } from '../cores.ts'
import type { BenchScenario } from '../scenario.ts'
import { memoryProbe } from '../usage.ts'
import type { Contender, Running } from './contender.ts'

/** Body of the http block. Connections to the origin and to the clients stay open as long as they are wanted. */
export function httpOf(scenario: BenchScenario): string {
  const { limit, accessLog } = scenario
  const rate = limit === 'refuses' ? '1r/m' : '1000000r/s'
  return `
    ${limit === undefined ? '' : `limit_req_zone $binary_remote_addr zone=one:10m rate=${rate};`}
    upstream origin { server 127.0.0.1:%%PORT:origin%%; keepalive 1024; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:%%PORT:front%% backlog=4096;
      access_log ${accessLog ? 'logs/access.log' : 'off'};
      keepalive_requests 1000000000;
      location / {
        ${limit === undefined ? '' : `limit_req zone=one${limit === 'passes' ? ' burst=1000000 nodelay' : ''};`}
        proxy_pass http://origin;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
      }
    }`
}

export interface LanguageOptions {
  readonly http: string
  readonly logLevel?: string
  readonly workers?: number
  readonly ports?: Readonly<Record<string, number>>
  readonly files?: Readonly<Record<string, string>>
  /** Default: the proxy's. */
  readonly cores?: string
}

/** Starts one of the two with an http block that listens on its port `front`. */
export async function startWithHttp(which: 'sluice' | 'nginx', options: LanguageOptions): Promise<Running> {
  const isSluice = which === 'sluice'
  const { http, logLevel = 'error', workers = 1, ports = {}, files = {}, cores = PROXY_CORE } = options
  const probe = memoryProbe('%%DIR%%')
  const server = await ServerProcess.start({
    command: pinned(cores, isSluice ? SLUICE_COMMAND : nginxCommand()),
    conf: wholeConf({
      http,
      workers,
      prelude: isSluice ? '' : NGINX_PRELUDE,
      main: isSluice
        ? `env NODE_OPTIONS=${probe.nodeOptions}; env SLUICE_BENCH_DIR=${probe.env['SLUICE_BENCH_DIR']};`
        : '',
      logLevel,
      connections: 8192,
    }),
    ports,
    files,
  })
  const { pid } = await server.worker()
  return {
    port: server.port('front'),
    pid: server.pid,
    servingPid: pid,
    ...(isSluice ? { probeDir: server.dir } : {}),
    stop: () => server.stop(),
  }
}

function start(scenario: BenchScenario, originPort: number, which: 'sluice' | 'nginx'): Promise<Running> {
  const logLevel = scenario.logsRefusals === false ? 'crit' : 'error'
  return startWithHttp(which, { http: httpOf(scenario), logLevel, ports: { origin: originPort } })
}

export const SLUICE: Contender = {
  name: 'sluice',
  version: `${packageVersion()} (Node ${process.version})`,
  install: 'npm run build',
  start: (scenario, originPort) => start(scenario, originPort, 'sluice'),
}

export const NGINX_PEER: Contender = {
  name: 'nginx',
  version: NGINX === undefined ? undefined : nginxVersion(NGINX),
  install: 'apt-get install nginx',
  start: (scenario, originPort) => start(scenario, originPort, 'nginx'),
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string }).version
}

/** nginx prints its version to stderr. */
function nginxVersion(path: string): string | undefined {
  return /nginx\/(\S+)/.exec(execFileSync('sh', ['-c', '"$0" -v 2>&1', path], { encoding: 'utf8' }))?.[1]
}
