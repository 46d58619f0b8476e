// How the programs under test are started. Free of the test runner: load tests start them in the same way.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findPeer } from './peers.ts'

/** The package's folder, wherever this file was compiled to. */
export const PACKAGE_ROOT = packageRoot(import.meta.dirname)

/** dist/main.js, or the build that SLUICE_MAIN names. */
export const SLUICE_MAIN = process.env['SLUICE_MAIN'] ?? join(PACKAGE_ROOT, 'dist/main.js')

/** Node and its arguments that run sluice in the foreground. */
export const SLUICE_COMMAND: readonly string[] = [process.execPath, SLUICE_MAIN, '-g', 'daemon off;', '-e', 'stderr']

/** The same as a daemon: the command returns when it serves. */
export const SLUICE_DAEMON_COMMAND: readonly string[] = [process.execPath, SLUICE_MAIN]

/** Path of nginx, or undefined when it is not installed (never so in CI). */
export const NGINX = findPeer('nginx')

/** Where nginx keeps bodies: its built-in places need rights that a test may not have. */
export const NGINX_PRELUDE = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path %%DIR%%/temp_${name};`)
  .join('\n')

/** Nginx and its arguments that run it in the foreground. */
export function nginxCommand(): readonly string[] {
  if (NGINX === undefined) throw new Error('nginx is not installed')
  return [NGINX, '-g', 'daemon off;', '-e', 'stderr']
}

function packageRoot(dir: string): string {
  return existsSync(join(dir, 'package.json')) ? dir : packageRoot(dirname(dir))
}
