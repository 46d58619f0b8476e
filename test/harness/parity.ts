// Parity: the same http block and the same raw requests to sluice and to a real nginx; status, headers and body must agree.
// What is known to differ is in this file and nowhere else, each difference with its reason.

import { expect, test } from 'vitest'
import { rawRequest } from './client.ts'
import { NGINX } from './commands.ts'
import { getOnce, type HttpResponse, parseResponses } from './http_text.ts'
import { startNginx } from './nginx.ts'
import type { Origin } from './origin.ts'
import type { ServerProcess } from './server_process.ts'
import { startSluice } from './sluice.ts'

export interface ParityCase {
  /** Body of the http block; listens on %%PORT:front%%. */
  readonly http: string
  readonly files?: Readonly<Record<string, string>>
  /** Raw bytes of a connection each (they must make the server close it), or targets for a plain GET. */
  readonly requests: readonly string[]
  /** An origin that both proxy to, as %%PORT:origin%%; made anew for each server. */
  readonly origin?: () => Promise<Origin>
  /** Compare the lines of these files of the story's directory as well, after `normalLog`. */
  readonly logs?: readonly string[]
}

/** What a parity test compares: everything the client sees of one connection, as data. */
interface Seen {
  readonly status: string
  readonly headers: readonly string[]
  readonly body: string
}

/** Declares a test that fails on any difference. Skipped (and said so) only where nginx is missing. */
export function parity(name: string, parityCase: ParityCase): void {
  test.skipIf(NGINX === undefined)(`as nginx: ${name}`, async () => {
    const theirs = await run(parityCase, startNginx)
    const ours = await run(parityCase, startSluice)
    for (const [i, request] of parityCase.requests.entries()) {
      expect.soft(ours.answers[i], `answer to ${JSON.stringify(request)}`).toEqual(theirs.answers[i])
    }
    expect.soft(ours.origin, 'what the origin was sent').toEqual(theirs.origin)
    expect.soft(ours.logs, 'log files').toEqual(theirs.logs)
  })
}

async function run(
  parityCase: ParityCase,
  start: typeof startNginx | typeof startSluice,
): Promise<{
  answers: Seen[][]
  origin: string[]
  logs: string[][]
}> {
  const origin = await parityCase.origin?.()
  const ports: Record<string, number> = origin === undefined ? {} : { origin: origin.port }
  const server = await start({ http: parityCase.http, files: parityCase.files ?? {}, ports })
  const answers: Seen[][] = []
  for (const request of parityCase.requests) {
    const bytes = request.startsWith('/') ? getOnce(request) : request
    const text = await rawRequest(server.port('front'), bytes)
    const heads = [...bytes.matchAll(/^(\w+) \S+ HTTP/gm)].flatMap((match, i) => (match[1] === 'HEAD' ? [i] : []))
    answers.push(seenOf(text, heads, server))
  }
  const requests = (origin?.requests ?? []).map((request) => normalText(request.head + request.body, server))
  await server.end()
  const logs = (parityCase.logs ?? []).map((name) => logLines(server, name))
  await server.stop()
  return { answers, origin: requests, logs }
}

/** HTTP/0.9 answers with a body only: then the text itself is what was seen. */
function seenOf(text: string, heads: readonly number[], server: ServerProcess): Seen[] {
  if (!text.startsWith('HTTP/')) return [{ status: 'no head', headers: [], body: normalText(text, server) }]
  return parseResponses(text, heads).map((response) => seen(response, server))
}

function seen(response: HttpResponse, server: ServerProcess): Seen {
  return {
    status: `${response.version} ${response.status} ${response.reason}`,
    headers: response.headers.map(({ name, value }) => `${name}: ${normalHeader(name, value, server)}`),
    body: normalText(response.body, server),
  }
}

/** Date differs by time. Server and the pages' last line carry the program's name and version. ETag holds the mtime. */
function normalHeader(name: string, value: string, server: ServerProcess): string {
  switch (name.toLowerCase()) {
    case 'date':
    case 'last-modified':
      return value.replace(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'DATE')
    case 'etag':
      return value.replace(/^"[0-9a-f]+-/, '"MTIME-')
    default:
      return normalText(value, server)
  }
}

function normalText(text: string, server: ServerProcess): string {
  let out = text.replace(/\b(nginx|sluice)\/[\d.]+/g, 'SERVER').replaceAll(server.dir, '%%DIR%%')
  for (const [name, port] of server.ports) out = out.replaceAll(String(port), `%%PORT:${name}%%`)
  return out
}

/**
 * Times, pids and connection numbers differ by nature; both write the same text behind them. What drained of an excess
 * between two requests depends on the machine: it is rounded to whole requests.
 * A line is cut at 2048 bytes, pid and number included: where they differ in length, so does what is left of a long text.
 */
function logLines(server: ServerProcess, name: string): string[] {
  return normalText(server.file(name), server)
    .split('\n')
    .map((line) =>
      line
        .replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/, 'TIME')
        .replace(/ \d+#\d+: (\*\d+ )?/, ' PID: ')
        .replace(/excess: (\d+\.\d{3})/, (_, text: string) => `excess: ${Math.round(Number(text))}`),
    )
    .filter((line) => /client: /.test(line))
    .map((line) => line.slice(0, 1800))
}
