// Before stories run: dist/ must be what src/ says. Rebuilds the TypeScript when a source is newer than the result; a
// missing addon is an error that says what to do. SLUICE_MAIN points the stories at another build and skips this.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** vitest calls this once before the first test of a project. */
export function setup(): void {
  if (process.env['SLUICE_MAIN'] !== undefined) return
  if (!existsSync(join(root, 'build/Release/sluice.node'))) throw new Error('no addon: run `npm run build` first')
  if (newest(join(root, 'src')) <= builtAt()) return
  // A type error does not keep the compiler from writing; `npm run check` asks for types on its own.
  spawnSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
}

function builtAt(): number {
  const main = join(root, 'dist/main.js')
  return existsSync(main) ? statSync(main).mtimeMs : 0
}

function newest(dir: string): number {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  return Math.max(...names.map((name) => statSync(join(dir, name)).mtimeMs))
}
