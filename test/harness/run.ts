// Runs the program once, to its end: -t, -v, -s and everything that refuses to start.

import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nginxCommand, SLUICE_MAIN } from './commands.ts'
import { fillPlaces } from './conf_text.ts'
import { makeStoryDir } from './server_process.ts'
import { STORIES_OF_NGINX } from './sluice.ts'
import { within } from './wait_for.ts'

export interface RunResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The program without arguments: sluice, or nginx when the stories run against it. */
export const PROGRAM: readonly string[] = STORIES_OF_NGINX ? [nginxCommand()[0] ?? ''] : [process.execPath, SLUICE_MAIN]

/** Runs it with these arguments and waits for its end. */
export function runProgram(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  const [program = '', ...first] = PROGRAM
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(program, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, HOME, ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    stderr += text
  })
  const end = new Promise<RunResult>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
  return within(`the end of ${args.join(' ')}`, end).finally(() => child.kill('SIGKILL'))
}

/**
 * `-t` for a whole configuration in a directory of its own. In what it prints the directory is `%%DIR%%`, and the program's
 * name is `sluice`.
 */
export async function testConf(
  conf: string,
  files: Readonly<Record<string, string | Buffer>> = {},
): Promise<RunResult> {
  const dir = makeStoryDir(files)
  try {
    const text = await fillPlaces(conf, { dir, ports: new Map() })
    const path = join(dir, 'server.conf')
    writeFileSync(path, text, 'latin1')
    const { code, stdout, stderr } = await runProgram(['-t', '-p', dir, '-c', path, '-e', 'logs/error.log'])
    return { code, stdout, stderr: stderr.replaceAll(dir, '%%DIR%%').replace(/^nginx: /gm, 'sluice: ') }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
