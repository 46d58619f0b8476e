// The origin of the side-by-side scenarios: nginx answering at once, so that it costs next to nothing.

import { NGINX_PRELUDE, nginxCommand } from '../../test/harness/commands.ts'
import { wholeConf } from '../../test/harness/conf_text.ts'
import { ServerProcess } from '../../test/harness/server_process.ts'
import { ORIGIN_CORE, pinned } from './cores.ts'

/** Starts it; listens on its port `origin`. */
export function startOrigin(): Promise<ServerProcess> {
  const http = `
    sendfile on;
    open_file_cache max=10;
    client_body_buffer_size 64k;
    server {
      listen 127.0.0.1:%%PORT:origin%% backlog=4096;
      access_log off;
      keepalive_requests 1000000000;
      keepalive_timeout 1h;
      location / { return 200 "${'x'.repeat(100)}"; }
      location /large/ { root %%DIR%%; }
    }`
  return ServerProcess.start({
    command: pinned(ORIGIN_CORE, nginxCommand()),
    conf: wholeConf({ http, prelude: NGINX_PRELUDE, logLevel: 'crit', connections: 8192 }),
    files: { 'large/100k': 'x'.repeat(100_000), 'large/1m': 'x'.repeat(1_000_000) },
  })
}
