// Completes package-lock.json after `npm install`. Packages like Biome and rollup have one optional package per platform; npm
// leaves those out that the registry in use does not offer, and then `npm ci` refuses the lockfile as incomplete, although it
// would never install them here. An entry with version and platform is enough: npm sees that it is not for this machine.
// `--check` changes nothing and fails if something is missing.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const file = join(import.meta.dirname, '../package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8'))

const OS = 'aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32'
const CPU = 'arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64'
const PLATFORM = new RegExp(`-(${OS})-(${CPU})(?:-(\\w+))?$`)

/** Fields by which npm decides whether a package is for this machine. */
function platformOf(name) {
  const [, os, cpu, abi = ''] = PLATFORM.exec(name) ?? []
  if (os === undefined) throw new Error(`${name}: no platform in the name`)
  const libc = os !== 'linux' ? {} : { libc: [abi.startsWith('musl') ? 'musl' : 'glibc'] }
  return { cpu: [cpu], os: [os], ...libc }
}

const missing = {}
for (const { optionalDependencies = {}, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const path = `node_modules/${name}`
    if (path in lock.packages) continue
    missing[path] = { version, ...platformOf(name), ...(dev ? { dev } : {}), optional: true }
  }
}
const count = Object.keys(missing).length
if (process.argv.includes('--check')) {
  if (count > 0) process.stderr.write(`package-lock.json lacks ${count} entries: node scripts/complete_lockfile.mjs\n`)
  process.exitCode = count > 0 ? 1 : 0
} else if (count > 0) {
  const all = Object.entries({ ...lock.packages, ...missing })
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}
