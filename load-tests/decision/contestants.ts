// Who is measured: each makes a limit over a set of keys and then decides `count` times, one decision after the other, in
// the way its users call it. Limits are so wide that all passes: nobody is measured on errors.

import { closeSync } from 'node:fs'
import { MemoryStore } from 'express-rate-limit'
import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import { addon, compileCheck, ZONE_NAME } from './sluice_addon.ts'
import type { Workload } from './workload.ts'

/** Decides `count` times along the workload's order from `at` on. */
export type Loop = (workload: Workload, at: number, count: number) => number | Promise<number>

export interface Contestant {
  readonly name: string
  /** Decisions of one round, so that a round takes milliseconds. */
  readonly count: number
  /** CPU time of this process, which what else the machine does hardly touches; the wall's for who waits for another. */
  readonly clock: 'cpu' | 'wall'
  /** For so many keys; each of them has been seen once when it returns. */
  start(keys: readonly string[]): Promise<{ readonly loop: Loop; stop(): Promise<void> | void }>
}

const HOUR_S = 3600
const NO_LIMIT = 1_000_000_000

/**
 * Picks keys and decides nothing. Every loop reads the first char of its key, and picks the next one only when that is
 * known: a key is in the cache when it is decided, as in a server that has just read it from a socket, and what it costs to
 * fetch it from a large table is the loop's own cost.
 */
export const emptyLoop: Loop = ({ keys, order }, at, count) => {
  let none = 0
  for (let i = 0; i < count; i++)
    none = nothingOf(keys[order[(at + i + none) & (order.length - 1)] as number] as string)
  return none
}

/** 0, but the CPU does not know before it has the text. */
function nothingOf(key: string): number {
  return key.charCodeAt(0) >> 8
}

/** Bytes of a zone with room for so many keys. */
export function zoneSizeFor(keys: number): number {
  return keys <= 50_000 ? 10 << 20 : Math.ceil(keys / 100_000) * (16 << 20)
}

export const sluice: Contestant = {
  name: 'sluice',
  count: 50_000,
  clock: 'cpu',
  start: async (keys) => {
    const size = zoneSizeFor(keys.length)
    const fd = addon.createSharedMemory(ZONE_NAME, size)
    const check = compileCheck(addon.createLimitReqZone(fd, size, ZONE_NAME, '$remote_addr'))
    closeSync(fd)
    for (const key of keys) check(key)
    return { loop: syncLoop(check), stop: () => undefined }
  },
}

export function syncLoop(check: (key: string) => number): Loop {
  return ({ keys, order }, at, count) => {
    let sum = 0
    let none = 0
    for (let i = 0; i < count; i++) {
      const key = keys[order[(at + i + none) & (order.length - 1)] as number] as string
      none = nothingOf(key)
      sum += check(key)
    }
    return sum
  }
}

function asyncLoop(decide: (key: string) => Promise<unknown>): Loop {
  return async ({ keys, order }, at, count) => {
    let none = 0
    for (let i = 0; i < count; i++) {
      const key = keys[order[(at + i + none) & (order.length - 1)] as number] as string
      none = nothingOf(key)
      await decide(key)
    }
    return count
  }
}

/** One process keeps `width` decisions under way: a server that does not wait for one client's answer before the next. */
function pipelinedLoop(decide: (key: string) => Promise<unknown>, width: number): Loop {
  return async ({ keys, order }, at, count) => {
    const next = async (first: number): Promise<void> => {
      for (let i = first; i < count; i += width) {
        await decide(keys[order[(at + i) & (order.length - 1)] as number] as string)
      }
    }
    await Promise.all(Array.from({ length: width }, (_, i) => next(i)))
    return count
  }
}

export const flexibleMemory: Contestant = {
  name: 'rate-limiter-flexible, memory',
  count: 20_000,
  clock: 'cpu',
  start: async (keys) => {
    const limiter = new RateLimiterMemory({ points: NO_LIMIT, duration: HOUR_S })
    for (const key of keys) await limiter.consume(key)
    return {
      loop: asyncLoop((key) => limiter.consume(key)),
      stop: async () => {
        // Each key has a timer of an hour.
        for (const key of keys) await limiter.delete(key)
      },
    }
  },
}

export const expressMemory: Contestant = {
  name: 'express-rate-limit, MemoryStore',
  count: 20_000,
  clock: 'cpu',
  start: async (keys) => {
    const store = new MemoryStore()
    store.init({ windowMs: HOUR_S * 1000 } as Parameters<MemoryStore['init']>[0])
    for (const key of keys) await store.increment(key)
    return { loop: asyncLoop((key) => store.increment(key)), stop: () => store.shutdown() }
  },
}

const IN_FLIGHT = 64

export function flexibleRedis(client: Redis, inFlight: 1 | typeof IN_FLIGHT): Contestant {
  return {
    name: `rate-limiter-flexible, Redis over loopback, ${inFlight} under way`,
    count: inFlight === 1 ? 200 : 1000,
    clock: 'wall',
    start: async () => {
      const limiter = new RateLimiterRedis({ storeClient: client, points: NO_LIMIT, duration: HOUR_S })
      const decide = (key: string): Promise<unknown> => limiter.consume(key)
      return { loop: inFlight === 1 ? asyncLoop(decide) : pipelinedLoop(decide, inFlight), stop: () => undefined }
    },
  }
}
