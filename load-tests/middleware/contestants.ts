// Who is measured: middleware of Express as its users write it, all with the same two fields (RateLimit-Policy and
// RateLimit of the draft's seventh edition), and limits so wide that everything passes.

import type { Request, RequestHandler, Response } from 'express'
import { rateLimit as expressRateLimit, MemoryStore } from 'express-rate-limit'
import { RateLimiterCluster, RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import { openZone } from 'sluice'
import { rateLimit } from 'sluice/express'
import { sluiceStore } from 'sluice/express-rate-limit'
import type { OwnRedis } from '../decision/redis.ts'

export interface Contestant {
  readonly name: string
  readonly middleware: RequestHandler
  /** Requests of one round. */
  readonly count: number
  /** Another process that works for each decision. */
  readonly helper?: number
  stop(): Promise<void> | void
}

const HOUR_S = 3600
const NO_LIMIT = 1_000_000_000
const nothing = (): void => undefined

export const NOBODY: Contestant = {
  name: 'no limiter',
  middleware: (_request, _response, next) => next(),
  count: 20_000,
  stop: nothing,
}

/** What rate-limiter-flexible's documentation shows, with the fields of the others. */
function flexible(limiter: Pick<RateLimiterMemory, 'consume'>): RequestHandler {
  return (request, response, next) => {
    limiter.consume(request.ip ?? '').then(
      ({ remainingPoints, msBeforeNext }) => {
        response.setHeader('RateLimit-Policy', `${NO_LIMIT};w=${HOUR_S}`)
        const reset = Math.ceil(msBeforeNext / 1000)
        response.setHeader('RateLimit', `limit=${NO_LIMIT}, remaining=${remainingPoints}, reset=${reset}`)
        next()
      },
      () => void response.status(429).send('Too Many Requests'),
    )
  }
}

/** `primary` is the process that counts for rate-limiter-flexible's cluster; without it that does not take part. */
export function contestants(
  dir: string,
  primary: number | undefined,
  redis: OwnRedis | undefined,
): readonly Contestant[] {
  const zone = openZone('middleware', { dir, size: '10m' })
  const express = {
    windowMs: HOUR_S * 1000,
    limit: NO_LIMIT,
    standardHeaders: 'draft-7',
    legacyHeaders: false,
  } as const
  const store = new MemoryStore()
  const points = { points: NO_LIMIT, duration: HOUR_S }
  const all: Contestant[] = [
    {
      name: 'sluice/express',
      middleware: rateLimit({ zone, rate: 1000, burst: NO_LIMIT, fields: 'draft-7' }) as RequestHandler,
      count: 20_000,
      stop: () => zone.close(),
    },
    {
      name: 'express-rate-limit, memory',
      middleware: expressRateLimit({ ...express, store }),
      count: 20_000,
      stop: () => store.shutdown(),
    },
    {
      name: 'express-rate-limit, store of sluice',
      middleware: expressRateLimit({ ...express, store: sluiceStore({ zone }) }),
      count: 20_000,
      stop: nothing,
    },
    {
      name: 'rate-limiter-flexible, memory',
      middleware: flexible(new RateLimiterMemory(points)),
      count: 20_000,
      stop: nothing,
    },
  ]
  if (primary !== undefined) {
    const limiter = new RateLimiterCluster({ ...points, keyPrefix: 'bench', timeoutMs: 30_000 })
    const name = 'rate-limiter-flexible, cluster'
    all.push({ name, middleware: flexible(limiter), count: 400, helper: primary, stop: nothing })
  }
  if (redis !== undefined) {
    const limiter = new RateLimiterRedis({ ...points, storeClient: redis.client })
    const name = 'rate-limiter-flexible, Redis'
    all.push({ name, middleware: flexible(limiter), count: 400, helper: redis.pid, stop: nothing })
  }
  return all
}

/** Resolves when the middleware has let the request go on. */
export function passes(middleware: RequestHandler, request: Request, response: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    void middleware(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error as Error)))
  })
}
