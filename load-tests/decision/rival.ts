// The second of two contending processes (two_processes.ts): maps the zone, decides in the windows that it is told, and
// says how often.

import { addon, compileCheck, ZONE_NAME } from './sluice_addon.ts'
import { decideDuring, type Order, type RivalTask } from './two_processes.ts'
import { makeKeys, makeWorkload } from './workload.ts'

const ZONE_FD = 4

const { keyCount, sizeBytes, pattern } = JSON.parse(process.argv[2] ?? '') as RivalTask
const check = compileCheck(addon.attachLimitReqZone(ZONE_FD, sizeBytes, ZONE_NAME))
const workload = makeWorkload(makeKeys(keyCount), pattern, 2)
for (const key of workload.keys) check(key)

process.on('message', ({ window, from }: Order) => {
  process.send?.(decideDuring(window, check, workload, from))
})
process.on('disconnect', () => process.exit())
process.send?.(0)
