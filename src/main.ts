#!/usr/bin/env node
// The composition root: the first word of the command line says which role this process plays. An operator's words start
// a program that may become a master; workers and daemons are started by the program itself, with a role as first word.

import { run } from './cli/run.ts'
import { DAEMON_ROLE } from './process/daemon.ts'
import { WORKER_ROLE, type WorkerBoot } from './process/spawn.ts'
import { runWorker } from './process/worker.ts'

const [role, ...rest] = process.argv.slice(2)

if (role === WORKER_ROLE) {
  runWorker(JSON.parse(rest[0] ?? '') as WorkerBoot)
} else {
  const daemonised = role === DAEMON_ROLE
  const exitCode = run(daemonised ? rest : process.argv.slice(2), daemonised)
  if (exitCode !== undefined) process.exit(exitCode)
}
