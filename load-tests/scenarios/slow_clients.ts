// Slow clients hold connections and nothing else: while some read an answer drop by drop and others never finish their head,
// everybody else is served and counted as ever. Readers get all of it in the end, and heads that do not come are given up.

import { connect, type Socket } from 'node:net'
import type { ServerProcess } from '../../test/harness/server_process.ts'
import { sleep, waitFor } from '../../test/harness/wait_for.ts'
import { columns, fire } from '../fire.ts'
import { admitted, type LoadScenario, QUIET } from '../scenario.ts'

const BURST = 120
const SLOW = 50
const BODY_BYTES = 1_000_000
const DROP_BYTES = 2000

/** Asks for the large file, and reads a drop of it every 50 ms until told to read on. */
class SlowReader {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #hurries = false

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    // Without a listener for data the socket reads no further than its buffer, and the answer backs up into the server.
    this.#socket.write('GET /large HTTP/1.1\r\nHost: slow\r\nConnection: close\r\n\r\n')
    this.#socket.once('end', () => {
      this.#ended = true
    })
    this.#socket.on('error', () => {})
    void this.#drip()
  }

  async #drip(): Promise<void> {
    while (!this.#ended && !this.#socket.destroyed) {
      const piece = (this.#socket.read(this.#hurries ? undefined : DROP_BYTES) ?? this.#socket.read()) as Buffer | null
      if (piece !== null) this.#received = Buffer.concat([this.#received, piece])
      await sleep(this.#hurries ? 1 : 50)
    }
  }

  /** Reads the rest as fast as it comes; how many bytes the body had. */
  async rest(): Promise<number> {
    this.#hurries = true
    await waitFor('a slow answer', () => this.#ended || this.#socket.destroyed, 30_000)
    return this.#received.length - (this.#received.indexOf('\r\n\r\n') + 4)
  }
}

/** Sends half a head and waits for what the server does about it. */
async function givenUp(server: ServerProcess): Promise<boolean> {
  const socket = connect(server.port('front'), '127.0.0.1')
  let closed = false
  socket.on('error', () => {})
  socket.once('close', () => {
    closed = true
  })
  socket.resume()
  socket.write('GET / HTTP/1.1\r\nHost: sl')
  await waitFor('the server to give up', () => closed, 30_000).catch(() => {})
  socket.destroy()
  return closed
}

export const slowClients: LoadScenario = {
  name: 'slow clients',
  http: `
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;
    server { listen 127.0.0.1:%%PORT:origin%%; access_log off; root %%DIR%%/html; }
    server {
      listen 127.0.0.1:%%PORT:front%%;
      ${QUIET}
      client_header_timeout 2s;
      location / { root %%DIR%%/html; limit_req zone=one burst=${BURST} nodelay; }
      location /large { proxy_pass http://127.0.0.1:%%PORT:origin%%; }
    }`,
  files: { 'html/x': 'in', 'html/large': 'x'.repeat(BODY_BYTES) },
  run: async (server, { seconds }) => {
    const readers = Array.from({ length: SLOW }, () => new SlowReader(server.port('front')))
    const heads = Array.from({ length: SLOW }, () => givenUp(server))
    const fired = await fire({ url: server.url('front', '/x'), connections: 20, seconds })
    const whole = (await Promise.all(readers.map((one) => one.rest()))).filter((bytes) => bytes === BODY_BYTES).length
    const cut = (await Promise.all(heads)).filter((closed) => closed).length
    const row = columns(fired)
    const expected = admitted(BURST, 1, fired.seconds)
    const countHolds = row.passed >= expected.least && row.passed <= expected.most && row.errors === 0
    return [
      {
        what: `beside ${2 * SLOW} slow ones`,
        ...row,
        expected: `${expected.text}, ${SLOW} whole, ${SLOW} given up`,
        actual: `${row.passed}, ${whole}, ${cut}`,
        holds: countHolds && whole === SLOW && cut === SLOW,
      },
    ]
  },
}
