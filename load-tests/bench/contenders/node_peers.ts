// Proxies of the npm registry, each in a Node process of its own: the programs in load-tests/peers/, whose packages are
// installed there when they are first wanted.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../../test/harness/commands.ts'
import type { BenchScenario } from '../scenario.ts'
import { memoryProbe } from '../usage.ts'
import type { Contender } from './contender.ts'
import { startProgram } from './program.ts'

const PEERS = join(PACKAGE_ROOT, 'load-tests/peers')

/** What a peer's program gets as JSON in its only argument. */
export interface NodePeerOrder {
  readonly port: number
  readonly origin: string
  readonly limit: 'passes' | 'refuses' | null
  /** The load closes after each request. */
  readonly newConnections: boolean
  /** Where to write a line for each request, and for each refusal. */
  readonly accessLog: string | null
  readonly errorLog: string | null
}

function nodePeer(
  packageName: string,
  program: string,
  declines: (scenario: BenchScenario) => string | undefined,
): Contender {
  return {
    name: packageName,
    get version() {
      return installedVersion(packageName)
    },
    install: 'npm ci --prefix load-tests/peers',
    declines,
    start: async (scenario, originPort) => {
      const order = (port: number, dir: string): NodePeerOrder => ({
        port,
        origin: `http://127.0.0.1:${originPort}`,
        limit: scenario.limit ?? null,
        newConnections: scenario.newConnections === true,
        accessLog: scenario.accessLog ? join(dir, 'access.log') : null,
        errorLog: scenario.limit === 'refuses' && scenario.logsRefusals !== false ? join(dir, 'error.log') : null,
      })
      const running = await startProgram({
        command: (port, dir) => [process.execPath, join(PEERS, program), JSON.stringify(order(port, dir))],
        env: (dir) => {
          const { nodeOptions, env } = memoryProbe(dir)
          return { NODE_ENV: 'production', NODE_OPTIONS: nodeOptions, ...env }
        },
      })
      return { ...running, probeDir: running.dir }
    },
  }
}

function bare({ limit, accessLog }: BenchScenario): string | undefined {
  return limit !== undefined ? 'no limit' : accessLog ? 'no access log' : undefined
}

export const NODE_PEERS: readonly Contender[] = [
  nodePeer('@fastify/http-proxy', 'fastify_http_proxy.mjs', () => undefined),
  nodePeer('http-proxy-3', 'http_proxy_3.mjs', bare),
  nodePeer('httpxy', 'httpxy.mjs', bare),
  nodePeer('fast-proxy', 'fast_proxy.mjs', bare),
]

/** Installs what the lockfile of the peers names, if that is not there yet. False when it cannot be had. */
export function installNodePeers(progress: (text: string) => void): boolean {
  const installed = join(PEERS, 'node_modules/.package-lock.json')
  const wanted = join(PEERS, 'package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return true
  progress('installing load-tests/peers')
  try {
    execFileSync('npm', ['ci', '--silent', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: PEERS,
      stdio: 'pipe',
    })
    return true
  } catch (error) {
    progress(`npm ci in load-tests/peers: ${String((error as { stderr?: unknown }).stderr ?? error).trim()}`)
    return false
  }
}

function installedVersion(packageName: string): string | undefined {
  const path = join(PEERS, 'node_modules', packageName, 'package.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version : undefined
}
