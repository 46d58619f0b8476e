// The examples that README gives to users of the library do what they look like, run as they stand there: only the port
// and the folder of the zone are ours.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { PACKAGE_ROOT } from '../harness/commands.ts'
import { getOnce } from '../harness/http_text.ts'
import { freePort } from '../harness/ports.ts'
import { waitFor } from '../harness/wait_for.ts'

const README = readFileSync(join(PACKAGE_ROOT, 'README.md'), 'utf8')
const EXAMPLES = [...README.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code as string)

/** Inside of the package, where its own name leads to it. */
let dir: string
beforeEach(() => {
  const reports = join(PACKAGE_ROOT, 'reports')
  mkdirSync(reports, { recursive: true })
  dir = mkdtempSync(join(reports, 'readme-'))
  return () => rmSync(dir, { recursive: true })
})

function exampleOf(part: string): string {
  const found = EXAMPLES.filter((code) => code.includes(part))
  expect(found).toHaveLength(1)
  return (found[0] as string).replace("openZone('shop')", `openZone('shop', { dir: ${JSON.stringify(dir)} })`)
}

/** Starts a program; what it has printed so far, on both streams. */
function start(code: string): () => string {
  const file = join(dir, 'example.mjs')
  writeFileSync(file, code)
  const child = spawn(process.execPath, [file], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  child.on('exit', () => (output += 'the end'))
  return () => output
}

/** Starts an application and resolves with the statuses of five requests. */
async function statuses(code: string): Promise<number[]> {
  const port = await freePort()
  const output = start(code.replace('3000', String(port)))
  await waitFor('the application', async () => {
    expect(output()).toBe('')
    return ask(port, getOnce('/nothing')).then(
      () => true,
      () => false,
    )
  })
  const seen: number[] = []
  for (let i = 0; i < 5; i++) seen.push((await ask(port, getOnce('/'))).status)
  return seen
}

test('there are examples and no others', () => {
  expect(EXAMPLES).toHaveLength(3)
})

test('a limit admits its burst and one more', async () => {
  const output = start(exampleOf("name: 'logins'"))
  await waitFor('the end', () => output().endsWith('the end'))
  expect(output()).toMatch(/^1 welcome\n2 welcome\n3 welcome\n4 welcome\n5 again in 1[0-3] s\nthe end$/)
})

test('the middleware of Express refuses with 429', async () => {
  // The request that found the application up was the first of three; a slow machine may earn some back.
  const seen = await statuses(exampleOf("sluice/express'"))
  expect(seen[0]).toBe(200)
  expect(seen).toContain(429)
})

test('express-rate-limit counts in the zone', async () => {
  expect(await statuses(exampleOf('sluiceStore'))).toEqual([200, 200, 429, 429, 429])
})
