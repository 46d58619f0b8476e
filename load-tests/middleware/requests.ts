// Requests and responses as Express hands them to a middleware, without sockets behind them: the same cost for everybody
// who is measured, and no noise of a network.

import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import express, { type Request, type Response } from 'express'

const app = express()

/** A GET of a client, before anybody has looked at it. */
export function makeRequest(address: string): { readonly request: Request; readonly response: Response } {
  const message = new IncomingMessage({ remoteAddress: address } as Socket)
  message.method = 'GET'
  message.url = '/'
  message.headers = { host: 'localhost', 'user-agent': 'bench', accept: '*/*' }
  const answer = new ServerResponse(message)
  const request = Object.setPrototypeOf(message, app.request) as Request
  const response = Object.setPrototypeOf(answer, app.response) as Response
  request.res = response
  response.req = request
  return { request, response }
}

/** So many clients, in an order in which nobody comes twice in a row. */
export function clientAddresses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `10.${(i >> 8) & 255}.${i & 255}.${(i * 7) % 251}`)
}
