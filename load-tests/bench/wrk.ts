// wrk as a function: hammers a URL from one core and returns what it counted.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface WrkOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Lua expression for the path of the n-th request, instead of the url's: `"/?k=" .. n`. */
  readonly nextPath?: string
  /** Sent as POST; default a GET. */
  readonly bodyBytes?: number
  readonly connections: number
  /** May be a fraction. */
  readonly seconds: number
  /** Core that wrk is pinned to. */
  readonly core: number
}

export interface WrkResult {
  readonly requests: number
  readonly perSecond: number
  /** Answers other than 2xx and 3xx. */
  readonly otherStatus: number
  readonly socketErrors: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

/** One run. Rejects when wrk cannot be started, or cannot connect. */
export async function wrk(options: WrkOptions): Promise<WrkResult> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-wrk-'))
  try {
    const script = join(dir, 'load.lua')
    writeFileSync(script, luaOf(options))
    const load = ['-t1', `-c${options.connections}`, '-d1h', '--timeout', '10', '-s', script]
    const stdout = await runFor(options.seconds, [
      'taskset',
      '-c',
      String(options.core),
      'stdbuf',
      '-oL',
      'wrk',
      ...load,
      options.url,
    ])
    return wrkResult(stdout)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/**
 * What the command prints when it is interrupted `seconds` after its first line. wrk itself knows whole seconds only; it
 * ends orderly on SIGINT from the moment on at which it says that it runs.
 */
function runFor(seconds: number, command: readonly string[]): Promise<string> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let timer: NodeJS.Timeout | undefined
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    output += text
    timer ??= setTimeout(() => child.kill('SIGINT'), seconds * 1000)
  })
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    output += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve(output)
      else reject(new Error(`${program} ended with ${code ?? signal}:\n${output}`))
    })
  })
}

/** The request is made once; figures are printed in a form that needs no units. */
function luaOf({ headers, bodyBytes, nextPath }: WrkOptions): string {
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[${quoted(name)}] = ${quoted(value)}`)
  if (bodyBytes !== undefined) lines.push('wrk.method = "POST"', `wrk.body = string.rep("x", ${bodyBytes})`)
  if (nextPath !== undefined)
    lines.push('n = 0', `function request() n = n + 1 return wrk.format(nil, ${nextPath}) end`)
  return `${lines.join('\n')}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("result: requests=%d us=%d status=%d sockets=%d p50=%d p99=%d p999=%d\\n",
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
`
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** Reads the line that our script makes wrk print. */
export function wrkResult(stdout: string): WrkResult {
  const [, line] = /^result: (.*)$/m.exec(stdout) ?? []
  if (line === undefined) throw new Error(`wrk gave no result:\n${stdout}`)
  const field = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(line)?.[1] ?? Number.NaN)
  const requests = field('requests')
  return {
    requests,
    perSecond: requests / (field('us') / 1e6),
    otherStatus: field('status'),
    socketErrors: field('sockets'),
    p50Ms: field('p50') / 1000,
    p99Ms: field('p99') / 1000,
    p999Ms: field('p999') / 1000,
  }
}
