// The primary of a cluster of four limited_app.mjs; starts another worker for one that dies. TERM ends all of them at once.

import cluster from 'node:cluster'
import { join } from 'node:path'

cluster.setupPrimary({ exec: join(import.meta.dirname, 'limited_app.mjs') })
cluster.on('exit', () => cluster.fork())
for (let i = 0; i < 4; i++) cluster.fork()
process.on('SIGTERM', () => {
  cluster.removeAllListeners('exit')
  for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL')
  process.exit()
})
