// What the instances of the state × operation table proxy to, and their configuration: the answer to a request says which
// generation has passed it on.

import { wholeConf } from '../harness/conf_text.ts'
import { GATE_CONF } from '../harness/gate.ts'
import { type Origin, rawOrigin } from '../harness/origin.ts'

export const WORKERS = 2
const PATIENCE_MS = 40_000

/** Answers with the generation that has asked; /held waits for the release. */
export class HoldingOrigin {
  /** The worker whose request is held. */
  holder: string | undefined
  release!: () => void
  readonly #released = new Promise<void>((resolve) => {
    this.release = resolve
  })
  #origin!: Origin

  get port(): number {
    return this.#origin.port
  }

  static async listen(): Promise<HoldingOrigin> {
    const origin = new HoldingOrigin()
    const options = { scope: 'file' } as const
    origin.#origin = await rawOrigin(async (connection) => {
      const request = await connection.request(PATIENCE_MS).catch(() => undefined)
      if (request === undefined) return
      if (request.target === '/held') {
        origin.holder = request.header('worker')
        await origin.#released
      }
      const text = request.header('generation') ?? ''
      connection.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
    }, options)
    return origin
  }

  async close(): Promise<void> {
    await this.#origin.close()
  }
}

/** `text` is the name of the generation, `zone` that of its limit. */
export function confOf(text: string, zone: string): string {
  return wholeConf({
    workers: WORKERS,
    logLevel: 'notice',
    main: GATE_CONF,
    http: `
      limit_req_zone $binary_remote_addr zone=${zone}:64k rate=1000r/s;
      server {
        listen 127.0.0.1:%%PORT:a%%;
        listen unix:%%SOCK:b%%;
        location / {
          limit_req zone=${zone} burst=1000 nodelay;
          proxy_set_header generation "${text}";
          proxy_set_header worker $pid;
          proxy_pass http://127.0.0.1:%%PORT:origin%%;
        }
      }`,
  })
}
