// Checks (or with --write, rewrites) the C++ sources with the clang-format that ships inside the npm package, so that
// everybody has the same version. Style: .clang-format.

import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

const sources = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.cc', '*.h'], {
  encoding: 'latin1',
})
  .split('\n')
  .filter((name) => name !== '')
if (sources.length === 0) process.exit(0)

const options = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror']
const { status, error } = spawnSync(
  join(import.meta.dirname, '../node_modules/.bin/clang-format'),
  [...options, ...sources],
  { stdio: 'inherit' },
)
if (error) throw error
process.exit(status ?? 1)
