// Configuration texts of stories. Placeholders keep machine facts out of them:
//   %%PORT:name%%  a free TCP port (the same for the same name)      %%DIR%%  the story's directory, without a final slash
//   %%SOCK:name%%  path of a unix socket in that directory

import { freePort } from './ports.ts'

export interface Places {
  readonly dir: string
  /** Filled with what the text asks for; names given beforehand (an origin's port) are kept. */
  readonly ports: Map<string, number>
}

/** Replaces the placeholders of `text`. */
export async function fillPlaces(text: string, places: Places): Promise<string> {
  for (const [, name = ''] of text.matchAll(/%%PORT:(\w+)%%/g)) {
    if (!places.ports.has(name)) places.ports.set(name, await freePort())
  }
  return text
    .replace(/%%PORT:(\w+)%%/g, (_, name: string) => String(places.ports.get(name)))
    .replace(/%%SOCK:(\w+)%%/g, (_, name: string) => `${places.dir}/${name}.sock`)
    .replace(/%%DIR%%/g, places.dir)
}

/** What a story says instead of a whole file: the body of `http {}` and, rarely, main directives. */
export interface HttpConf {
  /** Directives of the http block. */
  readonly http: string
  /** Directives of the main context, e.g. `worker_shutdown_timeout 1s;`. */
  readonly main?: string
  readonly workers?: number
  /** worker_connections; default 512. */
  readonly connections?: number
  /** Level of the error log; default info, so that every message of a request can be asserted. */
  readonly logLevel?: string
  /** What this server alone needs in its http block (nginx: places of its temporary files). */
  readonly prelude?: string
}

/** A whole configuration around an http block. Logs and the pid file lie in the story's directory. */
export function wholeConf(conf: HttpConf): string {
  const user = process.getuid?.() === 0 ? 'user root;\n' : ''
  return `${user}worker_processes ${conf.workers ?? 1};
pid server.pid;
error_log logs/error.log ${conf.logLevel ?? 'info'};
${conf.main ?? ''}
events { worker_connections ${conf.connections ?? 512}; }
http {
access_log logs/access.log;
${conf.prelude ?? ''}
${conf.http}
}
`
}
