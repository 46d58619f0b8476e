// Programs that are not of nginx's kind: started in a directory of their own, ready when their port accepts, ended by
// SIGTERM.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from '../../../test/harness/ports.ts'
import { waitFor, within } from '../../../test/harness/wait_for.ts'
import { PROXY_CORE, pinned } from '../cores.ts'
import type { Running } from './contender.ts'

export interface ProgramOptions {
  /** Program and arguments, for the port to listen on and the directory. */
  readonly command: (port: number, dir: string) => readonly string[]
  /** Files of the directory. */
  readonly files?: (port: number, dir: string) => Readonly<Record<string, string>>
  readonly env?: (dir: string) => Readonly<Record<string, string>>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** What it prints goes to the file `output` of its directory, and into the error if it does not come up. */
export async function startProgram(options: ProgramOptions): Promise<Running & { readonly dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-peer-'))
  const port = await freePort()
  for (const [name, text] of Object.entries(options.files?.(port, dir) ?? {})) writeFileSync(join(dir, name), text)
  const [program = '', ...args] = pinned(PROXY_CORE, options.command(port, dir))
  const output = openSync(join(dir, 'output'), 'a')
  const { PATH = '' } = process.env
  const env = { PATH, HOME: dir, ...options.env?.(dir) }
  const child = spawn(program, args, { cwd: dir, stdio: ['ignore', output, output], env })
  closeSync(output)
  running.add(child)
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  }).then(() => running.delete(child))
  const stop = async () => {
    child.kill('SIGTERM')
    await within(`${program} to end`, ended, 5000).catch(() => child.kill('SIGKILL'))
    await ended
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const early = ended.then(() => {
      throw new Error(`${args.join(' ')} ended at its start:\n${readFileSync(join(dir, 'output'), 'utf8')}`)
    })
    early.catch(() => {})
    await Promise.race([waitFor(`${args.join(' ')} to accept`, () => accepts(port), 20_000), early])
  } catch (error) {
    await stop()
    throw error
  }
  const pid = child.pid ?? 0
  return { port, pid, servingPid: pid, dir, stop }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

/** Full name of a program, also where Debian puts servers; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path))
}

/** First match in what the program prints when asked for its version. */
export function programVersion(path: string | undefined, argument: string, pattern: RegExp): string | undefined {
  return path === undefined ? undefined : pattern.exec(execFileSync(path, [argument], { encoding: 'utf8' }))?.[1]
}
