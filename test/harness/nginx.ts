// A real nginx beside sluice, with the same http block: the reference of the parity tests.

import { onTestFinished } from 'vitest'
import { NGINX_PRELUDE, nginxCommand } from './commands.ts'
import { type HttpConf, wholeConf } from './conf_text.ts'
import { type ServerOptions, ServerProcess } from './server_process.ts'

/** Starts nginx with the body of an http block; stopped when the test ends, unless `scope` is the file. */
export async function startNginx(
  options: HttpConf & Omit<ServerOptions, 'command' | 'conf'> & { readonly scope?: 'test' | 'file' },
): Promise<ServerProcess> {
  const conf = wholeConf({ ...options, prelude: NGINX_PRELUDE })
  const server = await ServerProcess.start({ ...options, conf, command: nginxCommand() })
  if (options.scope !== 'file') onTestFinished(() => server.stop())
  return server
}
