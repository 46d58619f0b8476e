// Child processes of the native tests: a few lines of JavaScript with `addon` at hand, descriptors of ours as 3, 4, ...,
// and lines of JSON back through `say`. Every child is killed at the end of its test.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { waitFor } from '../../harness/wait_for.ts'

const ADDON = join(import.meta.dirname, '../../../build/Release/sluice.node')

const PRELUDE = `
const addon = require(${JSON.stringify(ADDON)})
const say = (value) => require('node:fs').writeSync(1, JSON.stringify(value) + '\\n')
`

export interface ChildOptions {
  /** Descriptors that become 3, 4, ... in the child. */
  readonly fds?: readonly number[]
  /** Node's own options. */
  readonly nodeOptions?: readonly string[]
  /** A shell command that runs before Node in the same process, such as `ulimit -n 40`. */
  readonly before?: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

export class Child {
  readonly process: ChildProcess
  exit: Exit | undefined
  stderr = ''
  #stdout = ''
  #taken = 0

  constructor(script: string, options: ChildOptions = {}) {
    const stdio = ['pipe', 'pipe', 'pipe', ...(options.fds ?? [])] as ('pipe' | number)[]
    const args = [...(options.nodeOptions ?? []), '-e', PRELUDE + script]
    this.process =
      options.before === undefined
        ? spawn(process.execPath, args, { stdio })
        : spawn('sh', ['-c', `${options.before} && exec "$0" "$@"`, process.execPath, ...args], { stdio })
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString('latin1')
    })
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('latin1')
    })
    this.process.on('close', (code, signal) => {
      this.exit = { code, signal }
    })
    onTestFinished(() => {
      this.process.kill('SIGKILL')
    })
  }

  get pid(): number {
    return this.process.pid ?? -1
  }

  /** All that the child has said so far. */
  get said(): unknown[] {
    const lines = this.#stdout.split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as unknown)
  }

  /** What the child says next. */
  async next(): Promise<unknown> {
    const index = this.#taken++
    await waitFor(`line ${index + 1} of a child`, () => {
      if (this.said.length > index) return true
      if (this.exit !== undefined) throw new Error(`the child is gone: ${JSON.stringify(this.exit)} ${this.stderr}`)
      return undefined
    })
    return this.said[index]
  }

  async exited(): Promise<Exit> {
    return waitFor('the end of a child', () => this.exit)
  }
}

/** Starts a child. */
export function child(script: string, options: ChildOptions = {}): Child {
  return new Child(script, options)
}
