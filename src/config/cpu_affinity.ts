// `worker_cpu_affinity MASK ... | auto [MASK]`: which CPUs a worker may run on. A mask is a binary number, its last
// digit CPU 0. Only read here; worker_init.ts sets it.

import type { ConfigCursor } from './types.ts'

/** Size of the C library's cpu_set_t. */
const MAX_CPUS = 1024

export interface CpuAffinity {
  /**
   * True: worker i gets the i-th CPU of the only mask, round and round. False: worker i gets mask i, or the last one.
   */
  readonly auto: boolean
  /** Numbers of the CPUs in each mask, ascending. */
  readonly masks: readonly (readonly number[])[]
}

export function readCpuAffinity(cf: ConfigCursor): CpuAffinity {
  const masks = cf.args.slice(1)
  if (masks[0] !== 'auto') return { auto: false, masks: masks.map((mask) => readMask(cf, mask)) }
  const [, mask, ...more] = masks
  if (more.length > 0) cf.fail('invalid number of arguments in "worker_cpu_affinity" directive')
  const cpus = mask === undefined ? cf.facts.cpuNumbers : readMask(cf, mask)
  return { auto: true, masks: [cpus] }
}

function readMask(cf: ConfigCursor, mask: string): number[] {
  if (mask.length > MAX_CPUS) cf.fail(`"worker_cpu_affinity" supports up to ${MAX_CPUS} CPUs only`)
  const cpus: number[] = []
  let cpu = 0
  for (const digit of [...mask].reverse()) {
    // Blanks group the digits of a quoted mask.
    if (digit === ' ') continue
    if (digit === '1') cpus.push(cpu)
    else if (digit !== '0') cf.fail(`invalid character "${digit}" in "worker_cpu_affinity"`)
    cpu++
  }
  return cpus
}

/** CPUs of worker number `index` of its generation; undefined when affinity is not to be set (an empty `auto` mask). */
export function cpusOfWorker({ auto, masks }: CpuAffinity, index: number): readonly number[] | undefined {
  if (!auto) return masks[Math.min(index, masks.length - 1)]
  const cpus = masks[0] ?? []
  const cpu = cpus[index % cpus.length]
  return cpu === undefined ? undefined : [cpu]
}
