// What a side-by-side scenario is: one http block for sluice and nginx alike, and one kind of request. One small file each.

export interface BenchScenario {
  readonly name: string
  /** Body of the http block for both; listens on %%PORT:front%%, may proxy to the group `origin`. */
  readonly http: string
  readonly target: string
  /** Header lines of each request besides Host. */
  readonly headers: readonly string[]
  /** Status that (nearly) every answer must have, else the figures mean nothing. */
  readonly status: number
  /** Level of both error logs. */
  readonly logLevel: string
}

/** What a browser sends with a GET. */
export const BROWSER_HEADERS: readonly string[] = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Referer: http://www.example.com/catalogue/list?page=4',
  'Cookie: session=6f1c2a9be3d04c1f9a77; theme=dark; consent=1',
  'Upgrade-Insecure-Requests: 1',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: same-origin',
  'DNT: 1',
  'Priority: u=0, i',
]

/** A group of one origin whose connections are kept, and a location that uses it in nginx's best way. */
export const UPSTREAM = 'upstream origin { server 127.0.0.1:%%PORT:origin%%; keepalive 128; }'
export const PASS = 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";'
