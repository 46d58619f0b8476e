// A server of this process for tests of the modules: a configuration in, responses and log lines out. Zones and log files
// are made as the cycle would make them.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { core } from '../../../src/config/core_directives.ts'
import { events } from '../../../src/config/events_directives.ts'
import { type ParsedConfiguration, parseConfiguration } from '../../../src/config/parse.ts'
import { checkZones } from '../../../src/config/resources.ts'
import type { ConfigSource } from '../../../src/config/source.ts'
import { finishHttp, type HttpConfiguration, httpOwners } from '../../../src/http/configuration.ts'
import type { AnyHttpModule } from '../../../src/http/module.ts'
import { HttpServer } from '../../../src/http/server.ts'
import { ErrorLog } from '../../../src/log/error_log.ts'
import { INFO } from '../../../src/log/levels.ts'
import { HTTP_MODULES } from '../../../src/modules/index.ts'
import { addon } from '../../../src/native/addon.ts'
import { UndoList } from '../../../src/process/undo_list.ts'
import { closeZones, type OpenZone, openZones } from '../../../src/process/zones.ts'
import { MemoryLog, RawClient } from '../http/serve.ts'

/** Directory of one test file, with a trailing slash; also the prefix of its configurations. */
export function makeTempDir(): { path: string; remove: () => void } {
  const path = `${mkdtempSync(join(tmpdir(), 'sluice-modules-'))}/`
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface ReadOptions {
  readonly prefix?: string
  readonly modules?: readonly AnyHttpModule[]
  readonly onWarning?: (text: string) => void
}

/** Reads `events {} http { BODY }`, all on line 1. Throws ConfigError. */
export function readHttp(
  body: string,
  { prefix = '/test/', modules = HTTP_MODULES, onWarning }: ReadOptions = {},
): { parsed: ParsedConfiguration; configuration: HttpConfiguration } {
  const text = `events {} http { ${body} }`
  const source: ConfigSource = {
    facts: { euid: 0, hostname: 'test', cpus: 2, cpuNumbers: [0, 1] },
    readFile: () => Buffer.from(text, 'latin1'),
    glob: () => [],
    resolveHost: (host) => (host === 'localhost' ? ['127.0.0.1'] : undefined),
  }
  const confFile = `${prefix}sluice.conf`
  const owners = [core, events, ...httpOwners(modules)]
  const parsed = parseConfiguration({ owners, source, confFile, prefix, confPrefix: prefix, onWarning })
  const configuration = finishHttp(parsed)
  checkZones(parsed.resources)
  return { parsed, configuration }
}

/** What is wrong with `http { BODY }`, without its place; '' when nothing is. */
export function errorOf(body: string, options?: ReadOptions): string {
  try {
    readHttp(body, options)
    return ''
  } catch (error) {
    return (error as Error).message.replace(/ in \S+:\d+$/, '')
  }
}

export interface Served {
  /** Lines of the error log from info on. */
  readonly log: MemoryLog
  /** `GET PATH` with these header lines, on a connection of its own. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>
  request(method: string, path: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<Response>
  open(): Promise<RawClient>
  readonly zones: readonly OpenZone[]
  stop(): void
}

export interface Response {
  readonly status: number
  /** Lines of the head behind the status line. */
  readonly lines: readonly string[]
  readonly body: string
  /** Value of the first header of that name, any case. */
  header(name: string): string | undefined
}

/** Serves `http { BODY }`; `listen` of the body must be `127.0.0.1:8080`, which is replaced by a free port. */
export function serve(body: string, options: ReadOptions = {}): Served {
  const { parsed, configuration } = readHttp(body, options)
  const zones = openZones(parsed.resources.zones.values(), [], { undo: new UndoList(), onWarning: () => undefined })
  // The default log of a prefix that has no folder for it: nobody reads it.
  for (const file of parsed.resources.files.values()) if (!file.path.endsWith('/logs/access.log')) file.open()
  const log = new MemoryLog()
  const sockets = parsed.resources.listens.map((request) => ({
    request,
    fd: addon.openListeningSocket({
      family: request.family,
      address: request.address,
      port: 0,
      backlog: 511,
      reuseport: false,
      ipv6only: true,
    }),
  }))
  const server = new HttpServer({
    configuration,
    sockets,
    counters: new Int32Array(1),
    slot: 0,
    log: new ErrorLog([{ file: log, level: INFO }]),
    connectionLimit: 512,
    acceptPauseMs: 500,
    debugConnections: [],
  })
  server.start()
  const { port } = addon.socketName(sockets[0]?.fd ?? -1)

  const request: Served['request'] = async (method, path, headers = {}, content = '') => {
    const client = await openClient(port)
    const length = content === '' ? {} : { 'Content-Length': String(content.length) }
    const fields = { Host: 'localhost', Connection: 'close', ...length, ...headers }
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    client.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${content}`)
    const response = parseResponse(await client.read())
    client.close()
    return response
  }
  return {
    log,
    request,
    get: (path, headers) => request('GET', path, headers),
    open: () => openClient(port),
    zones,
    stop: () => {
      server.terminate()
      for (const { fd } of sockets) addon.close(fd)
      closeZones(zones, [])
      for (const file of parsed.resources.files.values()) file.close()
    },
  }
}

function parseResponse(text: string): Response {
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  return {
    status: Number(statusLine.split(' ')[1] ?? 0),
    lines,
    body: text.slice(end + 4),
    header: (name) => {
      const start = `${name.toLowerCase()}: `
      return lines.find((line) => line.toLowerCase().startsWith(start))?.slice(start.length)
    },
  }
}

function openClient(port: number): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.once('connect', () => resolve(new RawClient(socket)))
    socket.once('error', reject)
  })
}

/** Waits until `condition` holds; fails after five seconds. */
export async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
