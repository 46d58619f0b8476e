// The state × operation table of the process model: brings an instance into a state, with a request under way, does one
// thing to it, and looks at what came of it against the row of the table; after that nothing may be left over. The tables
// are in operations_*.test.ts, as data.

import { renameSync } from 'node:fs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { atGate, closeGate, gateFiles, openGate } from '../harness/gate.ts'
import { getOnce, parseResponse } from '../harness/http_text.ts'
import { childrenOf, descriptorCounts, holdersOf, holdersOfMemory, isAlive, processStat } from '../harness/processes.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { confOf, HoldingOrigin, WORKERS } from './operations_proxy.ts'
import { serving } from './serving.ts'

export type State =
  /** The first workers are not READY; the request is in the queue of the listening socket. */
  | 'starting'
  | 'serving'
  /** The new workers of a reload are not READY. */
  | 'reloading'
  /** The reload is over, an old worker has a request to finish. */
  | 'draining'
  /** The first workers of a new binary are not READY; those of the old master serve. */
  | 'starting an upgrade'
  /** A new binary serves; the old master's workers are dismissed, one has a request to finish. */
  | 'upgrading'
  /** The master was told to QUIT, a worker has a request to finish. */
  | 'quitting'

export type Operation =
  | 'request'
  | 'HUP'
  | 'HUP, bad configuration'
  | 'USR1'
  | 'QUIT'
  | 'TERM'
  /** The one that has the request under way. */
  | 'worker killed'
  /** One of the generation that is not READY. */
  | 'new worker killed'
  | 'master killed'
  | 'upstream gone'

export interface Outcome {
  /** What becomes of the request that was under way. `any`: it depends on who is faster. */
  readonly underWay: 'served' | 'cut' | 502 | 'any'
  /** Who answers new requests in the end: the configuration's text, 502 (the origin has gone), or nobody. */
  readonly afterwards: 'old' | 'new' | 'newer' | 502 | 'nobody'
  /** A line of the error log that the operation brings. */
  readonly log?: RegExp
  /** `[alert]` and `[emerg]` lines; no others may come. */
  readonly alerts?: readonly RegExp[]
  /** USR1 is not acted upon. */
  readonly keepsLog?: boolean
  /** What is left behind all the same, since nobody is there to remove it. */
  readonly left?: readonly string[]
}

export type Table = Partial<Record<Operation, Outcome>>

export interface TableOptions {
  /** Of the two masters of an upgrade, the one that the operation is done to. */
  readonly to?: 'new master' | 'old master'
}

/** Each step may be a start of several programs on a busy machine. */
const PATIENCE_MS = 40_000
const SIGNALS = { QUIT: 'SIGQUIT', TERM: 'SIGTERM', USR1: 'SIGUSR1' } as const

/** What a fresh instance of `WORKERS` workers holds, by kind. */
interface Baseline {
  readonly master: string
  readonly worker: string
}
let baseline: Baseline
let instances = 0

/** Declares the tests of one state's row of cells. */
export function describeState(state: State, table: Table, options: TableOptions = {}): void {
  vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000, maxConcurrency: 3 })
  const name = options.to === undefined ? state : `${state}, the ${options.to}`
  describe.concurrent(name, () => {
    beforeAll(async () => {
      baseline = await measureBaseline(isUpgrade(state))
    })
    test.each(Object.entries(table) as [Operation, Outcome][])('%s', async (operation, outcome) => {
      const cell = await Cell.start(state)
      try {
        await cell.run(operation, outcome, options)
      } finally {
        await cell.stop()
      }
    })
  })
}

function isUpgrade(state: State): boolean {
  return state === 'upgrading' || state === 'starting an upgrade'
}

async function measureBaseline(daemon: boolean): Promise<Baseline> {
  const cell = await Cell.start('serving', daemon)
  try {
    cell.release()
    await cell.finishUnderWay()
    const [{ pid } = { pid: 0 }] = cell.sluice.workers()
    return { master: countsText(cell.sluice.pid), worker: countsText(pid) }
  } finally {
    await cell.stop()
  }
}

function countsText(pid: number): string {
  return JSON.stringify([...descriptorCounts(pid)].sort())
}

const ENDS_ITS_MASTER: ReadonlySet<Operation> = new Set(['QUIT', 'TERM', 'master killed'])

function isRunning(pid: number): boolean {
  const stat = processStat(pid)
  return stat !== undefined && isAlive(stat)
}

/** One instance with its origin, its held request, and what is known of it. */
class Cell {
  readonly sluice: ServerProcess
  readonly #origin: HoldingOrigin
  readonly #zone: string
  #underWay: Client | undefined
  /** The worker that has the request under way. */
  #worker = 0
  /** Generations that have become READY. */
  #generations = 0

  private constructor(sluice: ServerProcess, origin: HoldingOrigin, zone: string) {
    this.sluice = sluice
    this.#origin = origin
    this.#zone = zone
  }

  /** An instance in `state`. */
  static async start(state: State, daemon = isUpgrade(state)): Promise<Cell> {
    const origin = await HoldingOrigin.listen()
    // Unique, so that its memory can be looked for in all processes of the machine.
    const zone = `table_${process.pid}_${instances++}`
    const sluice = await startSluice({
      conf: confOf('old', zone),
      ports: { origin: origin.port },
      files: gateFiles(state === 'starting'),
      daemon,
      unready: state === 'starting',
      scope: 'file',
    })
    const cell = new Cell(sluice, origin, zone)
    try {
      await cell.#enter(state)
    } catch (error) {
      await cell.stop()
      throw error
    }
    return cell
  }

  async #enter(state: State): Promise<void> {
    const { sluice } = this
    if (state !== 'starting') await this.#ready()
    const client = await Client.connect(sluice.port('a'))
    this.#underWay = client
    client.send(getOnce('/held'))
    if (state === 'starting') {
      await atGate(sluice, WORKERS)
      this.#worker = childrenOf(sluice.pid)[0]!.pid
      return
    }
    this.#worker = Number(await waitFor('the held request', () => this.#origin.holder))
    if (state === 'reloading') {
      closeGate(sluice)
      await this.#configure('new')
      sluice.signal('SIGHUP')
      await atGate(sluice, WORKERS)
    } else if (state === 'draining') {
      sluice.signal('SIGHUP')
      await this.#ready()
      await waitFor('the other old worker to leave', () => childrenOf(sluice.pid).length === WORKERS + 1)
    } else if (state === 'starting an upgrade') {
      closeGate(sluice)
      sluice.signal('SIGUSR2')
      await atGate(sluice, WORKERS)
    } else if (state === 'upgrading') {
      const old = sluice.pid
      sluice.signal('SIGUSR2')
      await this.#ready()
      process.kill(old, 'SIGWINCH')
      await waitFor('the other old worker to leave', () => sluice.workers(old).length === 1, PATIENCE_MS)
    } else if (state === 'quitting') {
      sluice.signal('SIGQUIT')
      await this.#log(/gracefully shutting down/)
      await waitFor('connections to be refused', () => this.#isRefused(), PATIENCE_MS)
    }
  }

  /** Does the operation and compares with `outcome`. */
  async run(operation: Operation, outcome: Outcome, { to = 'new master' }: TableOptions): Promise<void> {
    const { sluice } = this
    for (const pattern of outcome.alerts ?? []) sluice.expectAlert(pattern)
    const master = to === 'old master' ? sluice.oldPid! : sluice.pid
    const processes = [master, ...sluice.workers(master).map(({ pid }) => pid)]
    const mark = sluice.log().length
    await this.#operate(operation, master)
    if (outcome.log !== undefined) {
      const text = () => this.#allLogs().slice(mark)
      await waitFor(`${outcome.log} after ${operation}`, () => outcome.log?.test(text()), PATIENCE_MS)
    }
    openGate(sluice)
    if (operation === 'USR1' && outcome.keepsLog !== true) {
      const holders = () => holdersOf(`${sluice.dir}/logs/error.log.1`)
      await waitFor('the old log to be let go', () => !holders().some((pid) => processes.includes(pid)), PATIENCE_MS)
    }
    if (outcome.afterwards === 'nobody') {
      await waitFor('new requests to be refused', () => this.#isRefused(), PATIENCE_MS)
    } else {
      await waitFor(
        `an answer ${outcome.afterwards}`,
        async () => (await this.#ask()) === outcome.afterwards,
        PATIENCE_MS,
      )
    }
    this.release()
    const end = await this.finishUnderWay()
    if (outcome.underWay !== 'any') expect(end).toBe(outcome.underWay)
    // Of two masters the one that is left tidies up what both have used, but only if the other one has gone before.
    if (ENDS_ITS_MASTER.has(operation)) {
      await waitFor(`process ${master} to end`, () => !isRunning(master), PATIENCE_MS)
    }
    if (outcome.afterwards !== 'nobody') await this.#settled()
    else await this.#gone()
    const problems = await sluice.endWithProblems()
    expect(problems).toEqual(outcome.left ?? [])
    for (const pattern of outcome.alerts ?? []) expect(this.#allLogs()).toMatch(pattern)
    await waitFor('the memory of the zone to be let go', () => holdersOfMemory(this.#zone).length === 0)
  }

  async #operate(operation: Operation, master: number): Promise<void> {
    switch (operation) {
      case 'request':
        // Without an answer, which may have to wait: it is asked again when the state has passed.
        this.#ask().catch(() => {})
        return
      case 'HUP':
        await this.#configure(this.sluice.file('server.conf').includes('"new"') ? 'newer' : 'new')
        process.kill(master, 'SIGHUP')
        return
      case 'HUP, bad configuration':
        await this.sluice.writeConf('no configuration;')
        process.kill(master, 'SIGHUP')
        return
      case 'worker killed':
        process.kill(this.#worker, 'SIGKILL')
        return
      case 'new worker killed': {
        const newest = childrenOf(master).at(-1)
        process.kill(newest!.pid, 'SIGKILL')
        return
      }
      case 'master killed':
        process.kill(master, 'SIGKILL')
        return
      case 'upstream gone':
        await this.#origin.close()
        return
      case 'USR1':
        renameSync(`${this.sluice.dir}/logs/error.log`, `${this.sluice.dir}/logs/error.log.1`)
        process.kill(master, SIGNALS.USR1)
        return
      default:
        process.kill(master, SIGNALS[operation])
    }
  }

  /** The origin answers what it has held back. */
  release(): void {
    this.#origin.release()
  }

  /** What has become of the request that was under way. */
  async finishUnderWay(): Promise<Outcome['underWay']> {
    const client = this.#underWay!
    await client.closed(PATIENCE_MS)
    const response = client.received === '' ? undefined : parseResponse(client.received, { ended: true })?.message
    if (!response?.complete) return 'cut'
    if (response.status === 502) return 502
    expect(response.status).toBe(200)
    expect(response.body).toMatch(/^(old|new|newer)$/)
    return 'served'
  }

  /** All that was started for a while has ended, and what is left holds what a fresh instance holds. */
  async #settled(): Promise<void> {
    const { sluice } = this
    const counts = () => {
      try {
        const children = childrenOf(sluice.pid)
        if (children.length !== WORKERS || sluice.workers().length !== WORKERS) return
        const workers = children.map(({ pid }) => countsText(pid))
        return { master: countsText(sluice.pid), workers }
      } catch {
        // One of them has ended meanwhile, or the pid file is just getting its name back.
        return
      }
    }
    const expected = { master: baseline.master, workers: Array.from({ length: WORKERS }, () => baseline.worker) }
    let last: unknown
    await waitFor(
      'the descriptors of a fresh instance',
      () => {
        last = counts()
        return JSON.stringify(last) === JSON.stringify(expected)
      },
      PATIENCE_MS,
    ).catch(() => expect(last).toEqual(expected))
  }

  /** The masters and their workers have ended. */
  async #gone(): Promise<void> {
    const { sluice } = this
    await waitFor('all processes to end', () => holdersOf(sluice.dir).length === 0, PATIENCE_MS)
  }

  /** The text of a fresh request's answer, or its status. */
  async #ask(): Promise<string | number> {
    const { status, body } = await ask(this.sluice.port('a'), getOnce('/'), PATIENCE_MS)
    return status === 200 ? body : status
  }

  async #isRefused(): Promise<boolean> {
    return this.#ask().then(
      () => false,
      (error: Error) => /ECONNREFUSED/.test(error.message),
    )
  }

  #configure(text: string): Promise<void> {
    return this.sluice.writeConf(confOf(text, this.#zone))
  }

  async #ready(): Promise<void> {
    await serving(this.sluice, ++this.#generations)
  }

  #log(pattern: RegExp): Promise<unknown> {
    return this.sluice.waitForLog(pattern, PATIENCE_MS)
  }

  #allLogs(): string {
    return this.sluice.file('logs/error.log.1') + this.sluice.log()
  }

  async stop(): Promise<void> {
    this.#underWay?.destroy()
    openGate(this.sluice)
    this.release()
    await this.sluice.stop('SIGTERM').catch(() => {})
    await this.#origin.close()
  }
}
