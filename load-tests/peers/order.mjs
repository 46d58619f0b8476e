// What the programs here have in common: their order (the JSON in their argument, see bench/contenders/node_peers.ts), an
// agent that keeps as many connections as there are clients, and a server that keeps those of its clients.

import http from 'node:http'

export const order = JSON.parse(process.argv[2])

export const keepAliveAgent = () =>
  new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 2048, scheduling: 'lifo' })

/**
 * All of the libraries here pass the origin's `Connection: keep-alive` on to a client that said `close`, and close: it would
 * ask again in vain. So the header is set right where clients close, and only there.
 */
export const clientsClose = order.newConnections

export function saysClose(headers) {
  headers.connection = 'close'
  return headers
}

/** Listens with `handler`, without the time limits that a benchmark would run into. */
export function serve(handler) {
  const server = http.createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, (request, response) => {
    // `Connection: close` concerns the client's connection. A library that passes it on would lose the origin's too.
    if (request.headers.connection === 'close') delete request.headers.connection
    handler(request, response)
  })
  server.listen({ port: order.port, host: '127.0.0.1', backlog: 4096 })
}
