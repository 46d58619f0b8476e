// The command line beside nginx's: the same words, the same files, the same exit code, stdout and stderr.
// What may differ: the name of the program, the folder of the story, and the places where sluice says more (asserted in
// test/process/command_line.test.ts).

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseOptions, UsageError } from '../../src/cli/options.ts'
import { NGINX, NGINX_PRELUDE, SLUICE_MAIN } from '../harness/commands.ts'
import { fillPlaces } from '../harness/conf_text.ts'
import { makeStoryDir } from '../harness/server_process.ts'
import { within } from '../harness/wait_for.ts'

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Whether the pid file is there, and what is in it. */
  readonly pidFile: string | undefined
}

const CONF = 'pid server.pid;\nevents { }\nhttp {\ninclude temp.conf;\ninclude part.conf;\n}\n'
const PART = 'server { listen unix:%%SOCK:a%%; }\n'

type Files = Readonly<Record<string, string>>

const SLUICE = [process.execPath, SLUICE_MAIN]

/** Runs one program in a fresh folder with server.conf, part.conf and `files`. The folder's name is `DIR` in what it says. */
async function run(program: readonly string[], words: readonly string[], files: Files = {}): Promise<Result> {
  const dir = makeStoryDir()
  try {
    // nginx alone needs places for temporary files that it may write to.
    const places = { 'temp.conf': program === SLUICE ? '' : NGINX_PRELUDE }
    const all = { 'server.conf': CONF, 'part.conf': PART, ...places, ...files }
    for (const [name, text] of Object.entries(all)) {
      writeFileSync(join(dir, name), await fillPlaces(text, { dir, ports: new Map() }), 'latin1')
    }
    const [file = '', ...first] = program
    const child = spawn(file, [...first, ...words.map((word) => word.replaceAll('DIR', dir))], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {},
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const texts = [child.stdout, child.stderr].map(async (stream) =>
      (await stream.setEncoding('latin1').toArray()).join(''),
    )
    const code = new Promise<number | null>((resolve) => child.once('close', resolve))
    const [stdout = '', stderr = ''] = await within(`the end of ${words.join(' ')}`, Promise.all(texts), 20_000)
    const pidPath = join(dir, 'server.pid')
    const neutral = (text: string) =>
      text
        .replaceAll(dir, 'DIR')
        .replace(/^(# .*temp\.conf:\n)[^#]*/m, '$1')
        .replaceAll(/^nginx: /gm, 'sluice: ')
        .replaceAll(/^[\d/]+ [\d:]+ (\[\w+\]) \d+#\d+: /gm, 'TIME $1 PID: ')
        .replace(/^nginx version: nginx/, 'sluice version: sluice')
    return {
      code: await code,
      stdout: neutral(stdout),
      stderr: neutral(stderr),
      pidFile: existsSync(pidPath) ? readFileSync(pidPath, 'latin1') : undefined,
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const IN_DIR = ['-p', 'DIR', '-c', 'server.conf', '-e', 'logs/error.log']
/** Below the highest pid, above what is in use. */
const GONE = spawnSync('true').pid

/** Wrong command lines: of ours, only what parseOptions says is looked at. */
const MISTAKES: readonly (readonly string[])[] = [
  ['-x'],
  ['-tx'],
  ['-t', 'word'],
  [''],
  ['-t', '-c'],
  ['-p'],
  ['-e'],
  ['-g'],
  ['-s'],
  ['-s', 'again'],
]

/** Words, and files beside (or in place of) those that are there. */
const CASES: readonly (readonly [what: string, words: readonly string[], files?: Files])[] = [
  ['-t', [...IN_DIR, '-t']],
  ['values in the rest of the word', ['-pDIR', '-cserver.conf', '-elogs/error.log', '-t']],
  ['-t with a warning', [...IN_DIR, '-t'], { 'part.conf': `${PART}server { listen unix:%%SOCK:a%%; }\n` }],
  ['-tq with a warning', [...IN_DIR, '-tq'], { 'part.conf': `${PART}server { listen unix:%%SOCK:a%%; }\n` }],
  ['-t with a mistake', [...IN_DIR, '-t'], { 'part.conf': '\nserver { listn 80; }\n' }],
  ['-tq with a mistake', [...IN_DIR, '-tq'], { 'part.conf': 'server { listen 0.0.0.0:x; }\n' }],
  ['-t with a mistake found at the end', [...IN_DIR, '-t'], { 'server.conf': 'http { }\n' }],
  ['-t without a configuration', ['-p', 'DIR', '-c', 'none.conf', '-e', 'logs/error.log', '-t']],
  ['-t with an error log that cannot be opened', ['-p', 'DIR', '-c', 'server.conf', '-e', 'none/error.log', '-t']],
  ['-T', [...IN_DIR, '-T'], { 'part.conf': `${PART}# again\ninclude none*.conf;` }],
  ['-Tq', [...IN_DIR, '-Tq']],
  ['-T with a mistake', [...IN_DIR, '-T'], { 'part.conf': 'server {' }],
  ['-g', [...IN_DIR, '-t', '-g', 'worker_processes 1; env A=b;']],
  ['-g without a semicolon', [...IN_DIR, '-t', '-g', 'worker_processes 1']],
  ['-g with a block', [...IN_DIR, '-t', '-g', 'events { }']],
  ['-g with a mistake', [...IN_DIR, '-t', '-g', 'nothing on;']],
  ['-g with what the file has too', [...IN_DIR, '-t', '-g', 'pid other.pid;']],
  ['-s without a pid file', [...IN_DIR, '-s', 'stop']],
  ['-s with nonsense in the pid file', [...IN_DIR, '-s', 'quit'], { 'server.pid': ' 12x\n' }],
  ['-s with an empty pid file', [...IN_DIR, '-sreload'], { 'server.pid': '' }],
  ['-s to nobody', [...IN_DIR, '-s', 'reopen'], { 'server.pid': `${GONE}\n` }],
  ['-s with a mistake in the configuration', [...IN_DIR, '-s', 'stop'], { 'part.conf': 'server' }],
]

describe.runIf(NGINX !== undefined)('the command line', () => {
  test.each(CASES.map(([what, words, files]) => ({ what, words, files })))('$what', async ({ words, files }) => {
    expect(await run(SLUICE, words, files)).toEqual(await run([NGINX!], words, files))
  })

  test.each(MISTAKES.map((words) => [words]))('%j is refused in the same words', async (words) => {
    const { code, stdout, stderr } = await run([NGINX!], words)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(() => parseOptions(words)).toThrow(new UsageError(stderr.slice('sluice: '.length, -1)))
  })

  test.each(['-hv', '-Vq'])('%s has the exit code and the streams of nginx', async (word) => {
    const [nginx, sluice] = [await run([NGINX!], [word]), await run(SLUICE, [word])]
    const outline = ({ stderr }: Result) => ({
      firstLine: stderr.split(/[/\n]/, 1)[0],
      hasUsage: stderr.includes('\nUsage: '),
      hasArguments: stderr.includes('\nconfigure arguments: '),
    })
    expect({ ...sluice, stderr: outline(sluice) }).toEqual({ ...nginx, stderr: outline(nginx) })
  })
})
