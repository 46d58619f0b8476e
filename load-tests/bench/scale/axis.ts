// What an axis is: something of a configuration or a load that grows, while the request stays the same. One small file
// each in axes/.

import type { Load } from '../measure.ts'

export interface Axis {
  /** What is counted: `prefix locations`. */
  readonly name: string
  /** Ascending; the first is the measure of the others. */
  readonly sizes: readonly number[]
  /** Body of the http block for sluice and nginx alike; listens on %%PORT:front%%. */
  readonly http: (size: number) => string
  readonly files?: Readonly<Record<string, string>>
  readonly load: (size: number) => Partial<Load>
}

/** A server that answers at once; `inner` are its directives. */
export function frontServer(inner: string): string {
  return `server { listen 127.0.0.1:%%PORT:front%% backlog=4096; access_log off; keepalive_requests 1000000000; ${inner} }`
}

/** `make(0)` to `make(count - 1)`, one a line. */
export function lines(count: number, make: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => make(i)).join('\n')
}
