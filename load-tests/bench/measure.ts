// One load on one proxy, and what it used meanwhile.

import type { Running } from './contenders/contender.ts'
import { LOAD_CORE } from './cores.ts'
import type { Sample } from './standing.ts'
import { cpuTimeOf, memoryOf } from './usage.ts'
import { type WrkOptions, wrk } from './wrk.ts'

/** Load that a proxy gets before it is measured: V8 compiles what is hot, connections to the origin are made. */
export interface WarmUp {
  readonly seconds: number
  /** Go on until so many requests were answered ... */
  readonly requests?: number
  /** ... but no longer than this. */
  readonly mostSeconds?: number
}

/** A request and its answer. */
export interface Load extends Pick<WrkOptions, 'headers' | 'bodyBytes' | 'nextPath' | 'connections'> {
  readonly target: string
  /** Status that (nearly) every answer must have, else the figures mean nothing. */
  readonly status: number
}

/** Throws when the answers are not what the load is about. */
export async function measure(proxy: Running, load: Load, seconds: number): Promise<Sample> {
  const { target, status, ...request } = load
  const before = cpuTimeOf(proxy.pid)
  const startedMs = performance.now()
  const url = `http://127.0.0.1:${proxy.port}${target}`
  const result = await wrk({ ...request, url, seconds, core: LOAD_CORE })
  const wallUs = (performance.now() - startedMs) * 1000
  const after = cpuTimeOf(proxy.pid)
  const asExpected = status < 400 ? result.requests - result.otherStatus : result.otherStatus
  if (asExpected < result.requests * 0.999 - 2) {
    throw new Error(`only ${asExpected} of ${result.requests} answers had status ${status}`)
  }
  if (result.socketErrors > result.requests / 1000) {
    throw new Error(`${result.socketErrors} socket errors in ${result.requests} requests`)
  }
  const cpuUs = (after.totalUs - before.totalUs) / result.requests
  const userTicks = after.userTicks - before.userTicks
  const userUs = (cpuUs * userTicks) / (userTicks + after.systemTicks - before.systemTicks)
  const systemUs = cpuUs - userUs
  const { perSecond, p50Ms, p99Ms, p999Ms } = result
  const { residentMb, proportionalMb, v8Mb = Number.NaN } = memoryOf(proxy.servingPid, proxy.probeDir)
  const busy = (cpuUs * result.requests) / wallUs
  return { cpuUs, userUs, systemUs, perSecond, p50Ms, p99Ms, p999Ms, busy, residentMb, proportionalMb, v8Mb }
}

/** Loads without looking at the figures. */
export async function warmUp(proxy: Running, load: Load, options: WarmUp): Promise<void> {
  const { seconds, requests = 0, mostSeconds = seconds } = options
  for (let answered = 0, spent = 0; spent < seconds || (answered < requests && spent < mostSeconds); spent += seconds) {
    const { perSecond } = await measure(proxy, load, seconds)
    answered += perSecond * seconds
  }
}
