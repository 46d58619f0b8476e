// What a side-by-side scenario is: what is asked of every proxy, in words that each contender turns into a configuration of
// its own. One small file each in scenarios/.

/** Bodies of the origin's answers that a scenario may ask for. */
export type ResponseSize = 'small' | '100k' | '1m'

export interface BenchScenario {
  readonly name: string
  /** What it stands for, in half a sentence; for the report. */
  readonly tells: string
  readonly response: ResponseSize
  /** Body of each request; then it is a POST. */
  readonly requestBytes?: number
  /** A limit on the client's address. Those that have none of their own do not take part. */
  readonly limit?: 'passes' | 'refuses'
  /** An error_log line for each refusal; default true. */
  readonly logsRefusals?: boolean
  /** One line a request; default false. Those that have no log of their own do not take part. */
  readonly accessLog?: boolean
  /** Connections of the load; default from the command line. */
  readonly connections?: number
  /** Each request on a connection of its own. */
  readonly newConnections?: boolean
}

/** Status that (nearly) every answer must have, else the figures mean nothing. */
export function expectedStatus(scenario: BenchScenario): number {
  return scenario.limit === 'refuses' ? 503 : 200
}

const TARGETS: Readonly<Record<ResponseSize, string>> = {
  small: '/catalogue/item?id=42',
  '100k': '/large/100k',
  '1m': '/large/1m',
}

/** Request target, the same at the proxy and at the origin. */
export function targetOf(scenario: BenchScenario): string {
  return TARGETS[scenario.response]
}

/** What a browser sends with a GET, besides Host: a dozen. */
const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'http://www.example.com/catalogue/list?page=4',
  Cookie: 'session=6f1c2a9be3d04c1f9a77; theme=dark; consent=1',
  'Upgrade-Insecure-Requests': '1',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Site': 'same-origin',
  DNT: '1',
  Priority: 'u=0, i',
}

export function headersOf(scenario: BenchScenario): Readonly<Record<string, string>> {
  return {
    ...BROWSER_HEADERS,
    ...(scenario.requestBytes === undefined ? {} : { 'Content-Type': 'application/octet-stream' }),
    ...(scenario.newConnections ? { Connection: 'close' } : {}),
  }
}
