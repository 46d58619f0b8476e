// What a newcomer does: `npm start`, one request, stop. Fails when the answer is not the promised one or when anything is
// left behind.

import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const PID_FILE = 'logs/sluice.pid'

function fail(text) {
  process.stderr.write(`${text}\n`)
  process.exitCode = 1
}

/** Parent of a process; undefined when it is gone or a zombie. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

/** All that descends from `root`. */
function descendants(root) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))])
  const found = [root]
  for (const pid of found) found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child))
  return found.slice(1)
}

async function until(what, probe) {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    const value = await probe()
    if (value) return value
    await sleep(50)
  }
  throw new Error(`waited in vain for ${what}`)
}

const npm = spawn('npm', ['start', '--silent'], { stdio: ['ignore', 'pipe', 'pipe'] })
let output = ''
let started = []
npm.stdout.on('data', (chunk) => {
  output += chunk
})
npm.stderr.on('data', (chunk) => {
  output += chunk
})
const ended = new Promise((resolve) => npm.once('close', resolve))

try {
  const response = await until('an answer', () => fetch('http://127.0.0.1:8080/nodelay/').catch(() => undefined))
  const body = await response.text()
  await until('the greeting', () => /listens on http:\/\/127\.0\.0\.1:8080.*curl/.test(output))
  if (response.status !== 200) fail(`status ${response.status}`)
  if (response.headers.get('x-limit') !== 'PASSED') fail(`X-Limit: ${response.headers.get('x-limit')}`)
  if (!body.startsWith('Hello from the origin.')) fail(`body ${body}`)
  started = descendants(npm.pid)
  process.kill(Number(readFileSync(PID_FILE, 'latin1')), 'SIGQUIT')
  await until('the end', () => started.every((pid) => parentOf(pid) === undefined))
  await ended
  if (existsSync(PID_FILE)) fail('the pid file is still there')
} catch (error) {
  fail(String(error))
  npm.kill('SIGKILL')
  for (const pid of started.filter(parentOf)) process.kill(pid, 'SIGKILL')
}
if (process.exitCode) process.stderr.write(output)
else process.stdout.write('1 passed, 0 failed\n')
