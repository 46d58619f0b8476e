// httpxy with a keep-alive agent.

import { createProxyServer } from 'httpxy'
import { clientsClose, keepAliveAgent, order, saysClose, serve } from './order.mjs'

const proxy = createProxyServer({ target: order.origin, agent: keepAliveAgent() })
if (clientsClose) proxy.on('proxyRes', ({ headers }) => saysClose(headers))
const failed = (error, response) => {
  if (!response.headersSent) response.writeHead(502)
  response.end(error.message)
}
serve((request, response) => {
  proxy.web(request, response).catch((error) => failed(error, response))
})
