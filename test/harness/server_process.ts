// A server under test (sluice or nginx) in a directory of its own: start, logs, signals, and a stop that looks for what
// must not be left behind. Knows nothing of the test runner, so that load tests start servers in the same way.

import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fillPlaces } from './conf_text.ts'
import {
  catchesSignal,
  childrenOf,
  descendantsOf,
  holdersOf,
  isAlive,
  type ProcessStat,
  processStat,
} from './processes.ts'
import { textOf } from './text_of.ts'
import { waitFor, within } from './wait_for.ts'

export interface ServerOptions {
  /** Program and arguments; `-p DIR -c server.conf` are added behind them. */
  readonly command: readonly string[]
  /** Whole configuration with placeholders (conf_text.ts). */
  readonly conf: string
  /** Further files of the directory by relative name; text files may have placeholders. */
  readonly files?: Readonly<Record<string, string | Buffer>>
  readonly ports?: Readonly<Record<string, number>>
  readonly env?: Readonly<Record<string, string>>
  /** The server is started in its directory, with `-p .`. */
  readonly relativePrefix?: boolean
  /** `[alert]` and `[emerg]` lines that this test wants to see. */
  readonly expectAlerts?: readonly RegExp[]
  /** The command returns when a daemon serves. Its master is whoever the pid file names, also after an upgrade. */
  readonly daemon?: boolean
  /** The start is over when the master has its pid file and listens, whatever its workers do. */
  readonly unready?: boolean
}

const SANITIZER = /(Address|Thread|Leak|UndefinedBehavior)Sanitizer|runtime error: /

/** Node itself handles TERM and INT from its first moment; QUIT is handled only once our code does. */
const SIGQUIT = constants.signals.SIGQUIT

/** For a start on a machine that has much else to do. */
const START_PATIENCE_MS = 25_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A directory for one story, readable by workers of another user. */
export function makeStoryDir(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
  chmodSync(dir, 0o755)
  mkdirSync(join(dir, 'logs'))
  for (const [name, content] of Object.entries(files)) putFile(dir, name, content)
  return dir
}

function putFile(dir: string, name: string, content: string | Buffer): void {
  const path = join(dir, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

export class ServerProcess {
  readonly dir: string
  readonly ports: Map<string, number>
  readonly #options: ServerOptions
  readonly #expectedAlerts: RegExp[]
  /** Everyone that ever descended from the master, as far as seen. */
  readonly #seen = new Map<number, ProcessStat>()
  #child!: ChildProcess
  #exit!: Promise<number | string>
  #stderr = ''
  #stdout = ''
  #stopped = false

  private constructor(dir: string, ports: Map<string, number>, options: ServerOptions) {
    this.dir = dir
    this.ports = ports
    this.#options = options
    this.#expectedAlerts = [...(options.expectAlerts ?? [])]
  }

  /** Starts the server and resolves once its pid file is there and all its TCP ports accept connections. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const dir = makeStoryDir()
    const server = new ServerProcess(dir, new Map(Object.entries(options.ports ?? {})), options)
    for (const [name, content] of Object.entries(options.files ?? {})) {
      putFile(dir, name, typeof content === 'string' ? await fillPlaces(content, server) : content)
    }
    await server.writeConf(options.conf)
    server.#spawn()
    try {
      await server.#serving()
    } catch (error) {
      server.#child.kill('SIGKILL')
      await server.#exit
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
    return server
  }

  /** Replaces the configuration, at once for whoever is reading it; `reload` makes the server read it. */
  async writeConf(conf: string): Promise<void> {
    putFile(this.dir, 'server.conf.new', await fillPlaces(conf, this))
    renameSync(join(this.dir, 'server.conf.new'), join(this.dir, 'server.conf'))
  }

  #spawn(): void {
    const [program = '', ...args] = this.#options.command
    const { PATH = '', HOME = '' } = process.env
    const prefix = this.#options.relativePrefix ? '.' : this.dir
    const child = spawn(program, [...args, '-p', prefix, '-c', join(this.dir, 'server.conf')], {
      cwd: this.#options.relativePrefix ? this.dir : process.cwd(),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, HOME, ...this.#options.env },
    })
    this.#child = child
    running.add(child)
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.#stderr += text
    })
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child)
        resolve(code ?? signal ?? 'unknown')
      })
    })
  }

  async #serving(): Promise<void> {
    // As for an operator: before the command has returned, the daemon is not to be signalled.
    if (this.#options.daemon === true) await this.#daemonised()
    const early = this.#options.daemon === true ? new Promise<never>(() => {}) : this.#endedEarly()
    await Promise.race([waitFor('the pid file', () => this.#pidFile() !== undefined, START_PATIENCE_MS), early])
    for (const [name, port] of this.ports) {
      if (this.#options.ports?.[name] !== undefined || !this.#listensOn(name)) continue
      await Promise.race([waitFor(`port ${name} to accept`, () => canConnect(port), START_PATIENCE_MS), early])
    }
    if (this.#options.unready === true) return
    const expected = Number(/(?:^|;)\s*worker_processes\s+(\d+);/m.exec(this.#options.conf)?.[1] ?? 1)
    const ready = waitFor(`${expected} workers`, () => this.workers().length === expected, START_PATIENCE_MS)
    await Promise.race([ready, early])
  }

  async #daemonised(): Promise<void> {
    const how = await this.exited(30_000)
    if (how !== 0) throw new Error(`the command ended with ${how}:\n${this.#stderr}${this.log()}`)
  }

  #endedEarly(): Promise<never> {
    const early = this.#exit.then((how) => {
      throw new Error(`the server ended at its start (${how}):\n${this.#stderr}${this.log()}`)
    })
    early.catch(() => {})
    return early
  }

  /** Does the configuration listen on the named port of IPv4 (or only name it)? */
  #listensOn(name: string): boolean {
    return new RegExp(`listen\\s[^;[]*%%PORT:${name}%%`).test(this.#options.conf)
  }

  #pidFile(name = 'server.pid'): number | undefined {
    return Number(textOf(join(this.dir, name)).trim()) || undefined
  }

  /** The master's pid. */
  get pid(): number {
    const pid = this.#options.daemon === true ? this.#pidFile() : this.#child.pid
    if (pid === undefined) throw new Error('the server was not started')
    return pid
  }

  /** The pid of the master that has started a new binary; undefined when there is none. */
  get oldPid(): number | undefined {
    return this.#pidFile('server.pid.oldbin')
  }

  /** Running workers of a master that have come so far that signals reach them, oldest first. */
  workers(master = this.pid): ProcessStat[] {
    this.#look()
    const isWorker = ({ pid }: ProcessStat) => catchesSignal(pid, SIGQUIT) && pid !== this.#pidFile()
    return childrenOf(master).filter(isWorker)
  }

  /** One of them, waited for. Signals go to it and to nothing else: pid 0 would be our own process group. */
  worker(index = 0): Promise<ProcessStat> {
    return waitFor(`worker ${index}`, () => this.workers()[index])
  }

  #look(): void {
    for (const pid of this.#masterPids()) {
      const master = this.#options.daemon === true ? processStat(pid) : undefined
      if (master !== undefined) this.#seen.set(pid, master)
      for (const stat of descendantsOf(pid)) this.#seen.set(stat.pid, stat)
    }
  }

  #masterPids(): number[] {
    const pids = this.#options.daemon === true ? [this.#pidFile(), this.oldPid] : [this.#child.pid]
    return pids.filter((pid) => pid !== undefined)
  }

  port(name: string): number {
    const port = this.ports.get(name)
    if (port === undefined) throw new Error(`the configuration names no port ${name}`)
    return port
  }

  /** Path of the socket %%SOCK:name%%. */
  sock(name: string): string {
    return join(this.dir, `${name}.sock`)
  }

  url(name: string, path = '/'): string {
    return `http://127.0.0.1:${this.port(name)}${path}`
  }

  /** Text of error.log so far. */
  log(): string {
    return this.file('logs/error.log')
  }

  accessLog(): string {
    return this.file('logs/access.log')
  }

  /** Lines of error.log that match. */
  logLines(pattern: RegExp): string[] {
    return this.log()
      .split('\n')
      .filter((line) => pattern.test(line))
  }

  /** A file of the story's directory as latin1 text; '' if there is none. */
  file(name: string): string {
    return textOf(join(this.dir, name))
  }

  stderr(): string {
    return this.#stderr
  }

  stdout(): string {
    return this.#stdout
  }

  /** Resolves with the first match in error.log. */
  waitForLog(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray> {
    return waitFor(`${pattern} in error.log`, () => pattern.exec(this.log()) ?? undefined, limitMs)
  }

  /** Resolves with the first match in access.log. */
  waitForAccess(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray> {
    return waitFor(`${pattern} in access.log`, () => pattern.exec(this.accessLog()) ?? undefined, limitMs)
  }

  /** Allows `[alert]` or `[emerg]` lines that match. */
  expectAlert(pattern: RegExp): void {
    this.#expectedAlerts.push(pattern)
  }

  signal(signal: NodeJS.Signals): void {
    this.#look()
    process.kill(this.pid, signal)
  }

  /**
   * SIGHUP; resolves when the old workers are gone and `expected` (default: as many as before) new ones are there.
   * For a reload that is to fail, send the signal and wait for the log line instead.
   */
  async reload(expected = this.workers().length): Promise<void> {
    const old = this.workers()
    this.signal('SIGHUP')
    await waitFor('the old workers to leave', () => old.every((stat) => !isAlive(stat)), 20_000)
    await waitFor('the new workers', () => this.workers().length === expected)
  }

  /** Exit code of the master, or the signal that ended it. */
  exited(limitMs = 20_000): Promise<number | string> {
    return within('the server to end', this.#exit, limitMs)
  }

  /** As `end`, then removes the directory. Idempotent. */
  async stop(signal: NodeJS.Signals = 'SIGQUIT'): Promise<void> {
    try {
      await this.end(signal)
    } finally {
      rmSync(this.dir, { recursive: true, force: true })
    }
  }

  /** QUIT, wait for the end, then look for what must not be left. Logs can be read afterwards. Idempotent. */
  async end(signal: NodeJS.Signals = 'SIGQUIT'): Promise<void> {
    const problems = await this.endWithProblems(signal)
    if (problems.length > 0)
      throw new Error(`stopping the server:\n${problems.join('\n')}\n--- stderr\n${this.#stderr}`)
  }

  /** As `end`, for tests that say themselves what is a failure: returns what is wrong, a text each. */
  async endWithProblems(signal: NodeJS.Signals = 'SIGQUIT'): Promise<string[]> {
    if (this.#stopped) return []
    this.#stopped = true
    this.#look()
    const problems: string[] = []
    if (this.#options.daemon === true) {
      problems.push(...(await this.#endMasters(signal)))
    } else if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill(signal)
      const how = await this.exited().catch((error: Error) => error.message)
      if (how !== 0) problems.push(`it ended with ${how}`)
    }
    // A respawned sibling or an orphan may need a moment to notice.
    await waitFor('all processes to leave', () => this.#leftovers().length === 0, 3000).catch(() => {
      problems.push(`left behind: ${this.#leftovers().join(', ')}`)
    })
    for (const pid of this.#leftoverPids()) process.kill(pid, 'SIGKILL')
    this.#child.kill('SIGKILL')
    problems.push(...(await this.#complaints()))
    return problems
  }

  /** One after the other, the old one first: each leaves socket files to the other as long as that runs. */
  async #endMasters(signal: NodeJS.Signals): Promise<string[]> {
    const problems: string[] = []
    for (const pid of this.#masterPids().reverse()) {
      const master = processStat(pid)
      if (master === undefined) continue
      process.kill(pid, signal)
      await waitFor(`master ${pid} to end`, () => !isAlive(master)).catch((error: Error) =>
        problems.push(error.message),
      )
    }
    return problems
  }

  #leftoverPids(): number[] {
    const known = [...this.#seen.values()].filter(isAlive).map((stat) => stat.pid)
    return [...new Set([...known, ...holdersOf(this.dir)])]
  }

  #leftovers(): string[] {
    const sockets = readdirSync(this.dir)
      .filter((name) => lstatSync(join(this.dir, name)).isSocket() || /\.pid(\.oldbin)?$/.test(name))
      .map((name) => `file ${name}`)
      .sort()
    return [...this.#leftoverPids().map((pid) => `process ${pid}`), ...sockets]
  }

  async #complaints(): Promise<string[]> {
    const complaints = this.#stderr.split('\n').filter((line) => this.#complains(line))
    const path = join(this.dir, 'logs/error.log')
    if (!existsSync(path)) return complaints
    // Line by line: after a benchmark of refusals the log is longer than a string can be.
    for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
      if (this.#complains(line)) complaints.push(line)
    }
    return complaints
  }

  #complains(line: string): boolean {
    if (SANITIZER.test(line)) return true
    return /\[(alert|emerg)\]/.test(line) && !this.#expectedAlerts.some((expected) => expected.test(line))
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
