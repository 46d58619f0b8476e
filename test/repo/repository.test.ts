// The repository itself: rules that hold, docs that are not stale, nothing that belongs to one machine only.

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PACKAGE_ROOT } from '../harness/commands.ts'

const text = (name: string) => readFileSync(join(PACKAGE_ROOT, name), 'utf8')
const bin = (name: string) => join(PACKAGE_ROOT, 'node_modules/.bin', name)

/** Tracked files, or none outside a git checkout (a package from the registry). */
function trackedFiles(): string[] {
  const { stdout, status } = spawnSync('git', ['ls-files'], { cwd: PACKAGE_ROOT, encoding: 'utf8' })
  return status === 0 ? stdout.split('\n').filter((name) => name !== '') : []
}

describe('the layer rules', () => {
  /** Runs dependency-cruiser over a copy of src/ with one more file. */
  function violations(file: string, content: string): string {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-layers-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    cpSync(join(PACKAGE_ROOT, 'src'), join(dir, 'src'), { recursive: true })
    for (const name of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs'])
      cpSync(join(PACKAGE_ROOT, name), join(dir, name))
    symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(dir, 'node_modules'))
    mkdirSync(join(dir, 'test'))
    writeFileSync(join(dir, 'test/some.ts'), 'export const some = 1\n')
    if (file !== '') writeFileSync(join(dir, file), content)
    const { stdout } = spawnSync(bin('depcruise'), ['src', '--config', '.dependency-cruiser.cjs', '-T', 'err'], {
      cwd: dir,
      encoding: 'utf8',
    })
    return stdout
  }

  test('hold for the sources', () => {
    expect(violations('', '')).toContain('no dependency violations found')
  })

  test.each([
    ['an import to the left', 'src/log/planted.ts', "export * from '../http/module.ts'\n", 'layer-log'],
    [
      'a type import to the left',
      'src/net/planted.ts',
      "export type { Handler } from '../http/module.ts'\n",
      'layer-net',
    ],
    ['an import of tests', 'src/log/planted.ts', "export * from '../../test/some.ts'\n", 'src-knows-no-tests'],
    ['a package for development', 'src/log/planted.ts', "export * from 'vitest'\n", 'only-declared-packages'],
  ])('refuse %s', (_, file, content, rule) => {
    expect(violations(file, content)).toContain(`error ${rule}: ${file}`)
  })
})

describe('docs', () => {
  test.each([
    ['directives', 'the declarations'],
    ['api', 'the types'],
  ])('docs/%s.md is what %s say (npm run docs)', (page) => {
    const script = `scripts/${page}_doc.mjs`
    const fresh = execFileSync(process.execPath, [script], { cwd: PACKAGE_ROOT, encoding: 'utf8' })
    expect(text(`docs/${page}.md`)).toBe(fresh)
  })

  test('links of the pages lead somewhere', () => {
    for (const page of [
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'load-tests/README.md',
      'docs/api.md',
      'docs/migration.md',
    ]) {
      const dir = join(PACKAGE_ROOT, page, '..')
      for (const [, target = ''] of text(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^https?:/.test(target)) continue
        expect(() => readFileSync(join(dir, target)), `${page}: ${target}`).not.toThrow(/ENOENT/)
      }
    }
  })
})

describe('the package', () => {
  test.each(['package-lock.json', 'load-tests/peers/package-lock.json'])('%s names no registry', (name) => {
    expect(text(name)).not.toMatch(
      /"resolved"|https?:\/\/(?!opencollective|github\.com|www\.|feross|tidelift)[^"]*\.tgz/,
    )
  })

  test('the lockfile is complete for every platform, so that npm ci takes it (scripts/complete_lockfile.mjs)', () => {
    const { stderr, status } = spawnSync(process.execPath, ['scripts/complete_lockfile.mjs', '--check'], {
      cwd: PACKAGE_ROOT,
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
  })

  test('dependencies have exact versions', () => {
    for (const name of ['package.json', 'load-tests/peers/package.json']) {
      const { dependencies, devDependencies } = JSON.parse(text(name)) as Record<string, Record<string, string>>
      for (const version of Object.values({ ...dependencies, ...devDependencies }))
        expect(version).toMatch(/^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/)
    }
  })

  test('the changelog has an entry for the version', () => {
    const { version } = JSON.parse(text('package.json')) as { version: string }
    expect(text('CHANGELOG.md')).toContain(`## ${version}`)
  })

  test('every source says in its first lines what it owns', () => {
    const sources = trackedFiles().filter((name) =>
      /^(src|native|load-tests|test\/(harness|integration|parity))\/.*\.(ts|cc|h)$/.test(name),
    )
    const silent = sources.filter((name) => !/^(#!.*\n)?\/\//.test(text(name)))
    expect(silent).toEqual([])
  })
})
