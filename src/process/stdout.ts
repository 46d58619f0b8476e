// Standard output of a program that tells something and ends right after.

import { writeSync } from 'node:fs'

/** Returns when all is written. It may be a pipe: with a slow reader, or with one that has seen enough. */
export function print(bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
    }
  }
}
