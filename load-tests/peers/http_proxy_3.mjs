// http-proxy-3 with a keep-alive agent.

import { createProxyServer } from 'http-proxy-3'
import { clientsClose, keepAliveAgent, order, saysClose, serve } from './order.mjs'

const proxy = createProxyServer({ target: order.origin, agent: keepAliveAgent() })
if (clientsClose) proxy.on('proxyRes', ({ headers }) => saysClose(headers))
proxy.on('error', (error, _request, response) => {
  if (!response.headersSent) response.writeHead(502)
  response.end(error.message)
})
serve((request, response) => proxy.web(request, response))
