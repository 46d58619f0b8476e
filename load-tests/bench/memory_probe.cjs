// Loaded into Node's processes under test (NODE_OPTIONS): twice a second it notes how much memory V8 holds, in bytes, in the
// file v8.PID of the directory SLUICE_BENCH_DIR. From outside V8's part cannot be told from the rest. Costs some 50 µs each.

const { renameSync, writeFileSync } = require('node:fs')
const { getHeapStatistics } = require('node:v8')

const dir = process.env.SLUICE_BENCH_DIR
if (dir !== undefined) {
  setInterval(() => {
    const { total_physical_size, malloced_memory } = getHeapStatistics()
    try {
      // Renamed, so that nobody reads half a note.
      writeFileSync(`${dir}/note.${process.pid}`, String(total_physical_size + malloced_memory))
      renameSync(`${dir}/note.${process.pid}`, `${dir}/v8.${process.pid}`)
    } catch {
      // The directory goes before the process does.
    }
  }, 500).unref()
}
