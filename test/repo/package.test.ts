// What `npm pack` yields: it installs and works in an empty project, without a network, without running a script of ours,
// with npm and with pnpm.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PACKAGE_ROOT } from '../harness/commands.ts'

/** Of a step that compiles or installs, on a busy machine. */
const PATIENCE_MS = 300_000

let scratch: string
let tarballs: Record<string, string>
let files: string[]

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sluice-package-'))
  // Of the scripts that npm runs when it packs, the one that builds in a place of its own.
  execFileSync('npm', ['run', '--silent', 'prepack'], { cwd: PACKAGE_ROOT })
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const sluice = pack('.')
  files = sluice.files
  tarballs = { sluice: sluice.tarball }
  for (const name of Object.keys(dependencies)) tarballs[name] = pack(`./node_modules/${name}`).tarball
}, PATIENCE_MS)

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function pack(folder: string): { tarball: string; files: string[] } {
  const args = ['pack', folder, '--ignore-scripts', '--json', '--pack-destination', scratch]
  const listed = JSON.parse(execFileSync('npm', args, { cwd: PACKAGE_ROOT, encoding: 'utf8' })) as unknown
  // npm lists packages, or names them.
  const [packed] = Object.values(listed as object) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(scratch, packed.filename), files: packed.files.map((file) => file.path) }
}

/** A project that has nothing but the package, and what the package depends on as files. */
function emptyProject(name: string): string {
  const dir = join(scratch, name)
  mkdirSync(dir)
  const dependencies = Object.fromEntries(Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`]))
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module', dependencies }),
  )
  const { sluice: _, ...others } = dependencies
  const overrides = Object.entries(others).map(([name, file]) => `  ${name}: ${file}\n`)
  writeFileSync(join(dir, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('')}`)
  return dir
}

/** Environment of somebody else: nothing of the npm that runs these tests, and nothing in the cache. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
  return { ...env, npm_config_cache: join(scratch, 'cache'), npm_config_update_notifier: 'false', CI: 'true' }
}

function install(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env: cleanEnvironment() })
  expect(status, `${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

/** What a project sees of the package. */
function expectItWorks(dir: string): void {
  const script = `
    import { createServer } from 'node:http'
    import { createRequire } from 'node:module'
    import { realpathSync } from 'node:fs'
    import { openZone } from 'sluice'
    import { rateLimit } from 'sluice/http'
    for (const adapter of ['express', 'fastify', 'koa', 'express-rate-limit', 'fastify-rate-limit']) await import('sluice/' + adapter)
    const require = createRequire(import.meta.url)
    const root = realpathSync(require.resolve('sluice/package.json')).replace(/package.json$/, '')
    const { addon } = await import(root + 'dist/native/addon.js')
    const zone = openZone('test', { dir: process.cwd() })
    const limit = zone.limit({ name: 'one', rate: '1r/d' })
    console.log(typeof rateLimit, typeof require('sluice/http').rateLimit, addon.monotonicMs() > 0)
    console.log(zone.path !== undefined, limit.check('k').allowed, limit.check('k').allowed)`
  const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: dir, encoding: 'utf8' })
  expect(node('--input-type=module', '-e', script)).toBe('function function true\ntrue true false\n')
  const version = spawnSync(join(dir, 'node_modules/.bin/sluice'), ['-v'], { cwd: dir, encoding: 'utf8' })
  expect(version.stdout + version.stderr).toMatch(/sluice version: sluice\/\d/)
}

/** Its declarations, for a project that checks what it uses of them. */
function expectItsTypesHold(dir: string): void {
  writeFileSync(
    join(dir, 'use.ts'),
    `import { createServer } from 'node:http'
    import { type CheckResult, openZone } from 'sluice'
    import { rateLimit } from 'sluice/http'
    const zone = openZone('test', { size: '1m' })
    const result: CheckResult = zone.limit({ name: 'one', rate: '1r/s', burst: 2 }).check('k', { cost: 2 })
    const limited = rateLimit({ zone, rate: { requests: 1, periodMs: 10 }, key: (request) => request.url ?? '' })
    createServer((request, response) => limited(request, response, () => response.end(String(result.allowed))))
    // @ts-expect-error a rate is no date
    zone.limit({ name: 'two', rate: new Date() })
    // @ts-expect-error nor is a key a number
    zone.window({ name: 'three', windowMs: 1 }).hit(1)`,
  )
  const types = join(PACKAGE_ROOT, 'node_modules/@types')
  const tsc = join(PACKAGE_ROOT, 'node_modules/typescript/bin/tsc')
  for (const resolution of [
    ['--module', 'NodeNext'],
    ['--module', 'ESNext', '--moduleResolution', 'bundler'],
    // What TypeScript takes for CommonJS unless told otherwise: it knows nothing of \`exports\`.
    ['--module', 'CommonJS', '--moduleResolution', 'node10'],
  ]) {
    const options = [
      '--strict',
      '--noEmit',
      ...resolution,
      '--target',
      'ES2022',
      '--types',
      'node',
      '--typeRoots',
      types,
    ]
    const { stdout, status } = spawnSync(process.execPath, [tsc, ...options, 'use.ts'], { cwd: dir, encoding: 'utf8' })
    expect([stdout, status], resolution.join(' ')).toEqual(['', 0])
  }
}

interface Manifest {
  readonly main: string
  readonly types: string
  readonly typesVersions: object
  readonly exports: Record<string, { readonly types: string }>
  readonly scripts: object
}

const hasPnpm = spawnSync('pnpm', ['--version']).status === 0

describe('the package', () => {
  test('has what it needs, and nothing that asks for a build when it is installed', () => {
    expect(files).toContain(`prebuilds/linux-${process.arch}/${prebuildName()}`)
    for (const needed of [
      'dist/main.js',
      'dist/adapters/express.d.ts',
      'native/binding/module.cc',
      'scripts/prebuilds.mjs',
    ])
      expect(files).toContain(needed)
    // npm would run node-gyp for it, and pnpm would refuse the package.
    expect(files).not.toContain('binding.gyp')
    expect(files.filter((file) => /^(test|src|load-tests|build)\//.test(file))).toEqual([])
    const manifest = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as Manifest
    expect(manifest).toMatchObject({ gypfile: false })
    expect(Object.keys(manifest.scripts).filter((name) => /install$/.test(name))).toEqual([])
    // The same files for TypeScript, whether it knows of exports or not.
    const { '.': main, './package.json': _, ...others } = manifest.exports
    expect({ types: manifest.types, default: manifest.main }).toEqual(main)
    const typesOf = Object.entries(others).map(([path, { types }]) => [path.slice(2), [types]])
    expect(manifest.typesVersions).toEqual({ '*': Object.fromEntries(typesOf) })
  })

  test(
    'installs with npm and works',
    () => {
      const dir = emptyProject('with-npm')
      install('npm', ['install', '--offline', '--no-audit', '--no-fund'], dir)
      expectItWorks(dir)
      expectItsTypesHold(dir)
    },
    PATIENCE_MS,
  )

  test.skipIf(!hasPnpm && process.env['CI'] !== 'true')(
    `installs with pnpm and works${hasPnpm ? '' : ' (skipped: pnpm is not installed)'}`,
    () => {
      const dir = emptyProject('with-pnpm')
      const said = install('pnpm', ['install', '--offline', '--store-dir', join(scratch, 'store')], dir)
      expect(said).not.toMatch(/ignored build scripts/i)
      expectItWorks(dir)
    },
    PATIENCE_MS,
  )
})

function prebuildName(): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return `sluice.napi.${header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}.node`
}
