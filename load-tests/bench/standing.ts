// What a contest comes to: medians of each contender's samples, and ratios to the reference within each round.

/** One proxy's figures in one round. */
export interface Sample {
  /** User and system time of the proxy's processes over the answers, in µs. */
  readonly cpuUs: number
  readonly userUs: number
  readonly systemUs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** CPU time over wall time: below 1 the load was the limit, and requests per second say little of the proxy. */
  readonly busy: number
  /** Resident and proportional memory of the serving process at the end of the round; NaN where nothing was asked. */
  readonly residentMb: number
  readonly proportionalMb: number
  /** V8's part of it; NaN for others. */
  readonly v8Mb: number
}

export interface Standing {
  readonly contender: string
  /** Of each figure the median over the rounds. */
  readonly median: Sample
  /** CPU per request against the reference: median, least and most of the rounds. NaN without a reference. */
  readonly ratio: number
  readonly leastRatio: number
  readonly mostRatio: number
  readonly samples: readonly Sample[]
}

/** Ratios are taken within a round, so that what the machine did meanwhile touches both sides alike. */
export function standing(contender: string, samples: readonly Sample[], reference: readonly Sample[]): Standing {
  const ratios = samples.map((one, i) => one.cpuUs / (reference[i]?.cpuUs ?? Number.NaN))
  const names = Object.keys(samples[0] ?? {}) as (keyof Sample)[]
  const medians = names.map((name) => [name, median(samples.map((one) => one[name]))] as const)
  return {
    contender,
    median: Object.fromEntries(medians) as unknown as Sample,
    ratio: median(ratios),
    leastRatio: Math.min(...ratios),
    mostRatio: Math.max(...ratios),
    samples,
  }
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}
