// `npm run bench:opening [-- --rounds N] [-- --check]`: what it costs to open a named zone of the library, in the folder
// where zones are by default: to make it, all of its memory reserved, and to attach to one that others use. With --check it
// fails when a bound that we promise does not hold.

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { openZone, type Zone } from 'sluice'
import { median } from './decision/two_processes.ts'
import { tableLines } from './table.ts'

/** Milliseconds; making is per MB. */
const BOUNDS = { attachMs: 1, createMsPerMb: 0.6 }
const SIZES_MB = [1, 4, 16, 64]

const { values } = parseArgs({ options: { rounds: { type: 'string' }, check: { type: 'boolean', default: false } } })
const rounds = Number(values.rounds ?? 21)

/** The median of what `act` takes; `undo` is not timed. */
function timed(act: () => Zone, undo: (zone: Zone) => void): number {
  const samples: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    const zone = act()
    samples.push(performance.now() - start)
    undo(zone)
  }
  return median(samples)
}

// The first zone loads the addon.
openZone(`bench-${process.pid}`, { size: '64k' }).unlink()

const rows: (string | number)[][] = [['MB', 'to make, ms', 'per MB', 'to attach, ms']]
let holds = true
for (const sizeMb of SIZES_MB) {
  const name = `bench-${process.pid}`
  const open = (): Zone => openZone(name, { size: `${sizeMb}m` })
  const createMs = timed(open, (zone) => {
    zone.unlink()
    zone.close()
  })
  const kept = open()
  const attachMs = timed(open, (zone) => zone.close())
  kept.unlink()
  holds &&= attachMs < BOUNDS.attachMs && createMs / sizeMb < BOUNDS.createMsPerMb
  rows.push([sizeMb, Number(createMs.toFixed(2)), Number((createMs / sizeMb).toFixed(2)), Number(attachMs.toFixed(3))])
}
console.log(`medians of ${rounds} rounds, ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n`)
for (const line of tableLines(rows)) console.log(line)
console.log(
  `\nattach < ${BOUNDS.attachMs} ms, make < ${BOUNDS.createMsPerMb} ms a MB: ${holds ? 'holds' : 'DOES NOT HOLD'}`,
)
if (values.check && !holds) process.exitCode = 1
