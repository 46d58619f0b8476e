// fast-proxy, with its undici pool and its cache of URLs.

import fastProxy from 'fast-proxy'
import { clientsClose, order, saysClose, serve } from './order.mjs'

const undici = { connections: 1024, pipelining: 1, keepAliveTimeout: 600_000 }
const { proxy } = fastProxy({ base: order.origin, cacheURLs: 100, undici })
const options = clientsClose ? { rewriteHeaders: saysClose } : {}
serve((request, response) => proxy(request, response, request.url, options))
