// What is different in a container: sluice is process 1, the root may be read-only, and the binary that runs may be gone
// from the disk. The namespaces are made by unshare, which takes root.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, Client } from '../harness/client.ts'
import { SLUICE_MAIN } from '../harness/commands.ts'
import { fillPlaces, wholeConf } from '../harness/conf_text.ts'
import { getOnce, request } from '../harness/http_text.ts'
import { allProcesses, childrenOf, descendantsOf, holdersOf, isAlive, type ProcessStat } from '../harness/processes.ts'
import { makeStoryDir, ServerProcess } from '../harness/server_process.ts'
import { textOf } from '../harness/text_of.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

const UNSHARE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
const maySeparate = spawnSync(UNSHARE[0]!, [...UNSHARE.slice(1), 'true']).status === 0
const WHY_SKIPPED = maySeparate ? '' : ' (skipped: unshare is missing or not permitted)'

const PAGE = 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }'

/** A sluice that is process 1 of its own pid namespace. */
class Container {
  readonly dir = makeStoryDir()
  readonly ports = new Map<string, number>()
  #child!: ChildProcess
  #exit!: Promise<number | null>

  /** `script` runs in the namespace before sluice takes its place: `$0` is the folder of the story. */
  static async start(
    script = '',
    conf = wholeConf({ http: PAGE, workers: 2, logLevel: 'notice' }),
  ): Promise<Container> {
    const container = new Container()
    const { dir } = container
    writeFileSync(join(dir, 'server.conf'), await fillPlaces(conf, container))
    const command = [process.execPath, SLUICE_MAIN, '-p', dir, '-c', 'server.conf', '-e', 'stderr', '-g', 'daemon off;']
    const [file = '', ...words] = [...UNSHARE, '--mount', 'sh', '-ec', `${script}\nexec "$@"`, dir, ...command]
    // A file: what Node calls a pipe is a socket, which /dev/stdout cannot be opened for.
    const output = openSync(join(dir, 'output'), 'a')
    const child = spawn(file, words, { stdio: ['ignore', output, output] })
    closeSync(output)
    container.#child = child
    container.#exit = new Promise((resolve) => child.once('close', resolve))
    onTestFinished(() => container.#remove())
    await waitFor('it to serve', () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${container.log()}`)
      return /worker processes are ready/.test(container.log())
    })
    return container
  }

  /** What it has said on stdout and stderr. */
  output(): string {
    return readFileSync(join(this.dir, 'output'), 'latin1')
  }

  log(): string {
    return this.output() + textOf(join(this.dir, 'logs/error.log'))
  }

  /** Process 1, as it is seen from here. */
  master(): ProcessStat {
    return childrenOf(this.#child.pid!)[0]!
  }

  /** Exit code of process 1. */
  exited(): Promise<number | null> {
    return this.#exit
  }

  async #remove(): Promise<void> {
    // With process 1 the kernel ends all others of the namespace.
    for (const { pid } of descendantsOf(this.#child.pid!)) process.kill(pid, 'SIGKILL')
    await this.#exit
    await waitFor('nobody to be left', () => holdersOf(this.dir).length === 0)
    rmSync(this.dir, { recursive: true, force: true })
  }
}

describe.skipIf(!maySeparate)(`as process 1${WHY_SKIPPED}`, () => {
  test.each(['SIGTERM', 'SIGQUIT', 'SIGINT'] as const)('%s ends it with 0', async (signal) => {
    const container = await Container.start()
    const port = container.ports.get('a')!
    expect(readFileSync(join(container.dir, 'server.pid'), 'latin1')).toBe('1\n')
    expect((await ask(port, getOnce('/'))).body).toBe('served')
    process.kill(container.master().pid, signal)
    expect(await container.exited()).toBe(0)
    expect(existsSync(join(container.dir, 'server.pid'))).toBe(false)
  })

  test('HUP reloads, and a worker that is killed is replaced', async () => {
    const container = await Container.start()
    const master = container.master()
    const first = childrenOf(master.pid)
    process.kill(master.pid, 'SIGHUP')
    await waitFor('the old workers to leave', () => first.every((stat) => !isAlive(stat)))
    process.kill(childrenOf(master.pid)[0]!.pid, 'SIGKILL')
    await waitFor('the new worker', () => container.log().split(' start worker process ').length - 1 === 5)
    expect((await ask(container.ports.get('a')!, getOnce('/'))).body).toBe('served')
    process.kill(master.pid, 'SIGTERM')
    expect(await container.exited()).toBe(0)
  })

  test('buries orphans, those from before its start and those of later, and no worker of its own', async () => {
    // Each is left behind by a shell that has ended. The first one dies while Node starts, the others on a word.
    const container = await Container.start(`
      sh -c '(while [ "$(cat /proc/1/comm)" = sh ]; do :; done; exit 6) &'
      sh -c '(until [ -e "$0/go" ]; do sleep 0.05; done; exit 7) &' "$0"
      sh -c '(until [ -e "$0/go" ]; do sleep 0.05; done; kill -9 $(sh -c "echo \\$PPID")) &' "$0"`)
    await waitFor('the early one', () => /unknown process \d+ exited with code 6/.test(container.log()))
    writeFileSync(join(container.dir, 'go'), '')
    await waitFor('the late ones', () => /unknown process \d+ exited with code 7/.test(container.log()))
    await waitFor('the killed one', () => /\[alert\].* unknown process \d+ exited on signal 9/.test(container.log()))
    const { pid } = container.master()
    await waitFor('no zombie', () => !allProcesses().some((stat) => stat.parent === pid && stat.state === 'Z'))
    process.kill(childrenOf(pid)[0]!.pid, 'SIGKILL')
    await waitFor('the new worker', () => container.log().split(' start worker process ').length - 1 === 3)
    expect(container.log()).toMatch(/ worker process \d+ exited on signal 9/)
    process.kill(pid, 'SIGQUIT')
    expect(await container.exited()).toBe(0)
  })
})

describe.skipIf(!maySeparate)(`with a read-only root${WHY_SKIPPED}`, () => {
  test('it serves, limits, reloads and reopens logs with one place to write to', async () => {
    const conf = `
      worker_processes 2;
      user root;
      pid run/server.pid;
      error_log stderr notice;
      events { }
      http {
        access_log /dev/stdout;
        client_body_temp_path run/body;
        client_body_buffer_size 1k;
        limit_req_zone $uri zone=one:1m rate=1r/m;
        server {
          listen 127.0.0.1:%%PORT:a%%;
          location / { return 200 "served"; }
          location /page { root %%DIR%%/html; limit_req zone=one; }
          location /body { client_body_in_file_only clean; proxy_pass http://127.0.0.1:%%PORT:a%%/; }
        }
      }`
    const container = await Container.start(
      `mkdir "$0/run" "$0/html"; echo in > "$0/html/page"
       mount --bind / /; mount -o remount,ro,bind /
       mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"
       mount -t tmpfs tmpfs "$0/run"
       if touch "$0/x" || touch /x; then exit 3; fi`,
      conf,
    )
    const port = container.ports.get('a')!
    const statuses = async () => [
      (await ask(port, getOnce('/page'))).status,
      (await ask(port, getOnce('/page'))).status,
    ]
    expect(await statuses()).toEqual([200, 503])
    const client = await Client.connect(port)
    client.send(request('POST', '/body', ['Content-Length: 5000'], 'x'.repeat(5000)))
    expect((await client.response()).body).toBe('served')
    client.destroy()
    const master = container.master()
    const first = childrenOf(master.pid)
    process.kill(master.pid, 'SIGUSR1')
    await waitFor('all to reopen', () => container.log().split(': reopening logs').length - 1 === 3)
    process.kill(master.pid, 'SIGHUP')
    await waitFor('the old workers to leave', () => first.every((stat) => !isAlive(stat)))
    expect(await statuses()).toEqual([503, 503])
    process.kill(master.pid, 'SIGTERM')
    expect(await container.exited()).toBe(0)
    expect(container.output()).toContain('"GET /page HTTP/1.1" 503')
    expect(container.output()).not.toMatch(/\[(emerg|alert|crit)\]/)
  })
})

describe('when Node’s binary on the disk', () => {
  test.each([
    ['is gone', (path: string) => rmSync(path)],
    ['has become another program', replaceProgram],
  ])('%s, workers are started from the one that runs', async (_, change) => {
    const folder = makeStoryDir()
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const node = join(folder, 'node')
    try {
      linkSync(process.execPath, node)
    } catch {
      copyFileSync(process.execPath, node)
    }
    const sluice = await ServerProcess.start({
      command: [node, SLUICE_MAIN, '-g', 'daemon off;', '-e', 'stderr'],
      conf: wholeConf({ http: PAGE, workers: 1 }),
      expectAlerts: [/exited on signal 9/],
    })
    onTestFinished(() => sluice.stop())
    await serving(sluice)
    change(node)
    process.kill((await sluice.worker()).pid, 'SIGKILL')
    await waitFor('the new worker', () => sluice.logLines(/start worker process \d+$/).length === 2)
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
    await sluice.reload(1)
    expect((await ask(sluice.port('a'), getOnce('/'))).body).toBe('served')
  })
})

function replaceProgram(path: string): void {
  rmSync(path)
  writeFileSync(path, '#!/bin/sh\nexit 1\n')
  chmodSync(path, 0o755)
}
