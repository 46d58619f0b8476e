// Ports for servers under test. They are taken below the kernel's range of ephemeral ports, so that no outgoing connection
// can sit on one between our look and the server's bind; each is tried by binding it first.

import { createServer } from 'node:net'

const FIRST = 12_000
const COUNT = 20_000

const given = new Set<number>()

/** A TCP port of 127.0.0.1 that nobody listens on and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if (given.has(port) || !(await canBind(port))) continue
    given.add(port)
    return port
  }
  throw new Error('no free port')
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
