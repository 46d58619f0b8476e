// Who we are: the name that stands before messages to whoever started the program, the version, and the folder of the
// package. In the lowest layer because every other one may say it.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const PROGRAM_NAME = 'sluice'

/** Folder of package.json, with a trailing slash; the same for src/ and dist/. */
export const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url))

/** Version of package.json, for example `0.1.0`. */
export const VERSION = (JSON.parse(readFileSync(`${PACKAGE_FOLDER}package.json`, 'utf8')) as { version: string })
  .version
