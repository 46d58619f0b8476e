// Which build this is. The files of the package may be replaced while a master runs; a worker that it spawns then would
// be of the new build, with the old build's snapshot. Both say their id, and a worker with another one refuses to start.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../log/program.ts'

let known: string | undefined

/** Version and digest of all code of the program, as it lies on the disk when this is called first. */
export function buildId(): string {
  known ??= `${VERSION}-${digestOf(fileURLToPath(new URL('..', import.meta.url)))}`
  return known
}

function digestOf(folder: string): string {
  const hash = createHash('sha1')
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (/\.[jt]s$/.test(name) && !name.endsWith('.d.ts')) hash.update(name).update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex').slice(0, 16)
}
