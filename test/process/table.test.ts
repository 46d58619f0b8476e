// `-s processes`: every process's view of the process table, held against what the kernel says of its descriptors, over
// deaths and reloads. Every worker can write to every other one.

import { execFile } from 'node:child_process'
import { readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { wholeConf } from '../harness/conf_text.ts'
import type { ServerProcess } from '../harness/server_process.ts'
import { SLUICE_MAIN, startSluice } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'
import { serving } from './serving.ts'

/** Each question is a program of its own, and there are several in a test. */
vi.setConfig({ testTimeout: 120_000 })

const PLAIN = 'server { listen 127.0.0.1:%%PORT:a%%; location / { return 200 "served"; } }'

interface Row {
  readonly slot: number
  readonly pid: number
  readonly write: number
  readonly read: number
  readonly note: string
}

interface View {
  readonly pid: number
  /** -1 = the master. */
  readonly slot: number
  readonly rows: readonly Row[]
}

const wordsOf = ({ dir }: ServerProcess): string[] => {
  return [SLUICE_MAIN, '-p', dir, '-c', 'server.conf', '-e', 'stderr', '-s', 'processes']
}

async function processesOf(sluice: ServerProcess): Promise<string> {
  return (await promisify(execFile)(process.execPath, wordsOf(sluice))).stdout
}

function parseViews(text: string): View[] {
  return text.split('\n\n').map((part) => {
    const [head = '', , ...rows] = part.trimEnd().split('\n')
    const [, pid, slot = '-1'] = /^(?:master|worker) process (\d+)(?: in slot (\d+))?$/.exec(head)!
    return { pid: Number(pid), slot: Number(slot), rows: rows.map(parseRow) }
  })
}

function parseRow(text: string): Row {
  const [, slot, pid, write, read, note = ''] = /^ *(\d+) +(\d+) +(-|\d+) +(-|\d+) {2}(.*)$/.exec(text)!
  const fd = (word: string | undefined) => (word === '-' ? -1 : Number(word))
  return { slot: Number(slot), pid: Number(pid), write: fd(write), read: fd(read), note }
}

/** `socket:[inode]`: the same for two descriptors of one end, in whatever process. */
function endOf(pid: number, fd: number): string {
  return readlinkSync(`/proc/${pid}/fd/${fd}`)
}

/** Checks the table of spec/processes.md §4.1 for all processes and returns the views. */
async function checkTable(sluice: ServerProcess, workers: number): Promise<View[]> {
  const views = parseViews(await processesOf(sluice))
  const [master, ...others] = views
  expect(master).toMatchObject({ pid: sluice.pid, slot: -1 })
  expect(master!.rows).toHaveLength(workers)
  expect(others.map(({ slot, pid }) => [slot, pid])).toEqual(master!.rows.map(({ slot, pid }) => [slot, pid]))
  for (const { slot, pid, write, read, note } of master!.rows) {
    expect(note).toBe('worker process, respawn, ready')
    const writeEnd = endOf(sluice.pid, write)
    const readEnd = endOf(sluice.pid, read)
    expect(writeEnd).toMatch(/^socket:/)
    for (const viewer of others) {
      const row = viewer.rows.find((candidate) => candidate.slot === slot)!
      expect(row.pid).toBe(pid)
      if (viewer.slot === slot) {
        expect(row).toMatchObject({ write: -1, note: 'itself' })
        expect(endOf(viewer.pid, row.read)).toBe(readEnd)
      } else {
        expect(row).toMatchObject({ read: -1, note: 'answers' })
        expect(endOf(viewer.pid, row.write)).toBe(writeEnd)
      }
    }
  }
  return views
}

describe('-s processes', () => {
  test('shows the master and the workers, who reach each other', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 4 })
    await serving(sluice)
    const [master, first] = await checkTable(sluice, 4)
    expect(master!.rows.map(({ slot }) => slot)).toEqual([0, 1, 2, 3])
    expect(first!.rows).toHaveLength(4)
  })

  test('a respawned worker is in the slot of the dead one, and reached by all', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 3, expectAlerts: [/exited on signal 9/] })
    await serving(sluice)
    const [before] = await checkTable(sluice, 3)
    const victim = before!.rows[1]!
    process.kill(victim.pid, 'SIGKILL')
    await waitFor('the new worker', async () => {
      const row = parseViews(await processesOf(sluice))[0]!.rows[1]
      return row !== undefined && row.pid !== victim.pid && row.note.endsWith('ready')
    })
    const [after] = await checkTable(sluice, 3)
    expect(after!.rows.map(({ slot }) => slot)).toEqual([0, 1, 2])
    expect(after!.rows[1]!.pid).not.toBe(victim.pid)
    expect(after!.rows[0]).toEqual(before!.rows[0])
  })

  test('after reloads the table holds the new generation, and no worker keeps a channel of the old one', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 2 })
    await serving(sluice)
    await checkTable(sluice, 2)
    await sluice.writeConf(wholeConf({ http: PLAIN, workers: 3 }))
    for (let round = 2; round < 4; round++) {
      await sluice.reload(3)
      await serving(sluice, round)
      await waitFor('the master to bury the old workers', async () => {
        return parseViews(await processesOf(sluice))[0]!.rows.length === 3
      })
      for (const { slot, rows } of (await checkTable(sluice, 3)).slice(1)) {
        const gone = rows.filter(({ note }) => note === 'gone')
        for (const row of gone) expect(row).toMatchObject({ write: -1, read: -1 })
        expect(rows.filter(({ write }) => write >= 0)).toHaveLength(2)
        expect(rows.find(({ note }) => note === 'itself')?.slot).toBe(slot)
      }
    }
  })

  test('a worker that hangs is named', async () => {
    const sluice = await startSluice({ http: PLAIN, workers: 2 })
    await serving(sluice)
    const [stuck, other] = sluice.workers()
    process.kill(stuck!.pid, 'SIGSTOP')
    try {
      const text = await processesOf(sluice)
      expect(text).toMatch(new RegExp(`^process ${stuck!.pid} in slot \\d does not answer$`, 'm'))
      expect(text).toMatch(new RegExp(`^worker process ${other!.pid} in slot`, 'm'))
      expect(text).toMatch(new RegExp(` ${stuck!.pid} .*does not answer$`, 'm'))
    } finally {
      process.kill(stuck!.pid, 'SIGCONT')
    }
  })

  test.runIf(process.getuid?.() === 0)('answers root and its own user, and nobody else', async () => {
    const sluice = await startSluice({ http: PLAIN })
    await serving(sluice)
    const ask = `
      process.setuid(65534)
      require('node:net').connect('\\0sluice-processes-${sluice.pid}')
        .on('data', (bytes) => process.stdout.write(bytes))`
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', ask])
    expect(stdout).toBe('')
  })

  test('is told to nobody without complaint when its reader has gone', async () => {
    const sluice = await startSluice({ http: PLAIN })
    await serving(sluice)
    const script = '("$0" "$@"; echo "ended with $?" >&2) | { exec <&-; wait; }'
    const { stderr } = await promisify(execFile)('sh', ['-c', script, process.execPath, ...wordsOf(sluice)])
    expect(stderr).toMatch(/signal process started\nended with 0\n$/)
  })

  test('says so when nobody can be asked', async () => {
    const sluice = await startSluice({ http: PLAIN })
    await serving(sluice)
    // Our own pid: a process that is there and answers no such question.
    await sluice.writeConf(wholeConf({ http: PLAIN }).replace('pid server.pid', 'pid other_pid'))
    writeFileSync(join(sluice.dir, 'other_pid'), `${process.pid}\n`)
    const failure = await processesOf(sluice).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(
        `: process ${process.pid} cannot be asked for its process table (111: Connection refused)\n`,
      ),
    })
  })
})
