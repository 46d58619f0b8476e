// Reading files that the processes under test make, rename and remove.

import { readFileSync } from 'node:fs'

/** As latin1; '' where there is none. One step: between a look whether it is there and reading it, it may go. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
