// Stories' way to start sluice: `const sluice = await startSluice({ http: '...' })`. Within a test it is stopped, and what
// it leaves behind is looked for, when the test ends; in beforeAll say `scope: 'file'` and stop it in afterAll.
// SLUICE_STORIES=nginx runs the stories against nginx instead: a way to see whether a story tells the truth.

import { onTestFinished } from 'vitest'
import { NGINX_PRELUDE, nginxCommand, SLUICE_COMMAND, SLUICE_DAEMON_COMMAND } from './commands.ts'
import { type HttpConf, wholeConf } from './conf_text.ts'
import { type ServerOptions, ServerProcess } from './server_process.ts'

export { SLUICE_MAIN } from './commands.ts'

export type StoryOptions = Omit<ServerOptions, 'command' | 'conf'> &
  ({ readonly conf: string } | HttpConf) & { readonly scope?: 'test' | 'file' }

/** True when the stories run against nginx; a few that tell of sluice's own ways are skipped then. */
export const STORIES_OF_NGINX = process.env['SLUICE_STORIES'] === 'nginx'

/** Starts sluice with a whole `conf`, or with the body of an http block. */
export async function startSluice(options: StoryOptions): Promise<ServerProcess> {
  const prelude = STORIES_OF_NGINX ? NGINX_PRELUDE : ''
  const conf = 'conf' in options ? options.conf : wholeConf({ ...options, prelude })
  const own = options.daemon === true ? SLUICE_DAEMON_COMMAND : SLUICE_COMMAND
  const command = STORIES_OF_NGINX ? nginxCommand() : own
  const server = await ServerProcess.start({ ...options, conf, command })
  if (options.scope !== 'file') onTestFinished(() => server.stop())
  return server
}
