// What workers.ts does that no story can bring about.

import { expect, test } from 'vitest'
import { ErrorLog } from '../../../src/log/error_log.ts'
import { MAX_PROCESSES, ProcessSlot } from '../../../src/process/process_table.ts'
import { startProcess } from '../../../src/process/start_process.ts'
import { Workers } from '../../../src/process/workers.ts'

/** Keeps its messages. */
class Messages extends ErrorLog {
  readonly texts: string[] = []
  override write(_level: number, text: string): void {
    this.texts.push(text)
  }
}

test('a full table refuses one process more, and says so', () => {
  const log = new Messages([])
  const workers = new Workers(log, { onReady: () => {}, onExit: () => {} })
  for (let slot = 0; slot < MAX_PROCESSES; slot++) {
    const spawned = { pid: 2 ** 22 + slot, channel: [-1, -1], atMs: 0 } as const
    workers.table.add(new ProcessSlot(slot, 'new binary process', undefined, 'detached', spawned))
  }
  const words = ['-e', 'setInterval(() => {}, 1000)']
  const child = startProcess(process.execPath, words, { stdio: 'ignore' }, (error) => expect.fail(error.message))!
  try {
    expect(workers.addDetached('new binary process', child)).toBe(false)
  } finally {
    child.kill('SIGKILL')
  }
  expect(log.texts).toEqual(['no more than 1024 processes can be spawned'])
})
