// The examples that the pages give to users of the library do what they look like, run as they stand there: only the port
// and the folder of the zone are ours.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../harness/client.ts'
import { PACKAGE_ROOT } from '../harness/commands.ts'
import { getOnce } from '../harness/http_text.ts'
import { freePort } from '../harness/ports.ts'
import { waitFor } from '../harness/wait_for.ts'

const README = examplesOf('README.md')
const MIGRATION = examplesOf('docs/migration.md')

function examplesOf(page: string): readonly string[] {
  const text = readFileSync(join(PACKAGE_ROOT, page), 'utf8')
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code as string)
}

/** Inside of the package, where its own name leads to it. */
let dir: string
beforeEach(() => {
  const reports = join(PACKAGE_ROOT, 'reports')
  mkdirSync(reports, { recursive: true })
  dir = mkdtempSync(join(reports, 'readme-'))
  return () => rmSync(dir, { recursive: true })
})

/** The one example that all parts are in. */
function exampleOf(page: readonly string[], ...parts: readonly string[]): string {
  const found = page.filter((code) => parts.every((part) => code.includes(part)))
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

/** Starts a program and resolves with its lines. */
async function lines(code: string): Promise<string[]> {
  const output = start(code)
  await waitFor('the end', () => output().endsWith('the end'))
  return output().trimEnd().split('\n').slice(0, -1)
}

describe('the README', () => {
  test('has these examples and no others', () => {
    expect(README).toHaveLength(6)
  })

  test('limits to the burst and one more', async () => {
    const printed = await lines(exampleOf(README, "name: 'logins'"))
    expect(printed.slice(0, 4)).toEqual(['1 welcome', '2 welcome', '3 welcome', '4 welcome'])
    expect(printed[4]).toMatch(/^5 again in 1[0-3] s$/)
  })

  test('refuses with 429 in the middleware of Express', async () => {
    // The request that found the application up was the first of three; a slow machine may earn some back.
    const seen = await statuses(exampleOf(README, "sluice/express'"))
    expect(seen[0]).toBe(200)
    expect(seen).toContain(429)
  })

  test('refuses with 429 in the route of Fastify', async () => {
    const seen = await statuses(exampleOf(README, "sluice/fastify'"))
    expect(seen.slice(0, 3)).toEqual([200, 200, 200])
    expect(seen).toContain(429)
  })

  test('refuses with 429 in the middleware of Koa', async () => {
    const seen = await statuses(exampleOf(README, "sluice/koa'"))
    expect(seen[0]).toBe(200)
    expect(seen).toContain(429)
  })

  test('decides by several limits, and lets wait', async () => {
    const printed = await lines(exampleOf(README, 'checkAll'))
    expect(printed.slice(0, 4)).toEqual(['friend true', 'other true', 'other true', 'other false'])
    for (const job of [1, 2, 3]) expect(printed[3 + job]).toMatch(new RegExp(`^job ${job} has waited \\d+ ms$`))
    expect(printed).toHaveLength(7)
  })

  test('lets express-rate-limit count in the zone', async () => {
    expect(await statuses(exampleOf(README, 'sluiceStore'))).toEqual([200, 200, 429, 429, 429])
  })
})

describe('the page on migration', () => {
  test('has these examples and no others', () => {
    expect(MIGRATION).toHaveLength(6)
  })

  // With Express the request that found the application up is one of the three.
  test.each([
    ["from 'sluice/express-rate-limit'", 2],
    ["from 'sluice/express'", 2],
    ["from 'sluice/fastify-rate-limit'", 3],
    ["from 'sluice/fastify'", 3],
  ])('lets three requests pass in the example with %s', async (part, passed) => {
    const expected = [200, 200, 200, 200, 200].fill(429, passed)
    expect(await statuses(exampleOf(MIGRATION, part))).toEqual(expected)
  })

  test('has requests that cost two', async () => {
    const printed = await lines(exampleOf(MIGRATION, "name: 'login'"))
    expect(printed.slice(0, 2)).toEqual(['3 left', '1 left'])
    expect(printed[2]).toMatch(/^again in 1[0-2] s$/)
  })

  test('has a penalty that doubles', async () => {
    const printed = await lines(exampleOf(MIGRATION, "name: 'failures'"))
    expect(printed).toEqual([
      ...['4 more', '3 more', '2 more', '1 more', '0 more'],
      ...['locked for 60 s', 'locked for 120 s', 'locked for 240 s'],
    ])
  })
})
