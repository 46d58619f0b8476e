// What openZone is told, checked once for every kind of zone.

import { join } from 'node:path'
import type { ZoneOptions } from './types.ts'

export const DEFAULT_SIZE_BYTES = 1024 * 1024
const DEFAULT_DIR = '/dev/shm'
/** What the keys of a zone of ours are made of; zones of the proxy have the text of their directive here. */
const KEY_FORMAT = '$limit_name\\0$key'

export interface ZoneRequest {
  /** Of the zone's file. */
  readonly path: string
  /** Undefined: that of the zone that is there, or the default. */
  readonly sizeBytes: number | undefined
  readonly keyText: string
  /** Whether keys begin with the name of their limit; those of the proxy do not. */
  readonly isNamed: boolean
}

/** @throws TypeError or RangeError that names what is wrong */
export function readZoneOptions(name: string, { size, dir, state, key }: ZoneOptions): ZoneRequest {
  checkZoneName(name)
  if ((state === undefined) !== (key === undefined)) {
    throw new TypeError('a zone of the proxy is opened by its state and its key, both as in nginx.conf')
  }
  if (state !== undefined && dir !== undefined) throw new TypeError('either dir or state, not both')
  return {
    path: state ?? join(dir ?? DEFAULT_DIR, `sluice-${name}.zone`),
    sizeBytes: size === undefined ? undefined : parseSizeBytes(size),
    keyText: key ?? KEY_FORMAT,
    isNamed: key === undefined,
  }
}

/** A zone's name is a file's name. */
function checkZoneName(name: string): void {
  if (typeof name !== 'string') throw new TypeError(`a zone's name is text, not ${typeof name}`)
  if (!/^(?!\.)[A-Za-z0-9._-]{1,100}$/.test(name)) {
    throw new RangeError(`invalid zone name "${name}": up to 100 of A-Z a-z 0-9 . _ - and no dot in front`)
  }
}

/** Bytes, or nginx's `64k`, `10m`. */
function parseSizeBytes(size: number | string): number {
  const match = typeof size === 'string' ? /^([0-9]{1,12})([kKmM]?)$/.exec(size) : undefined
  const unit = { k: 1024, m: 1024 * 1024 }[match?.[2]?.toLowerCase() ?? ''] ?? 1
  const bytes = typeof size === 'number' ? size : match ? Number(match[1]) * unit : Number.NaN
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new RangeError(`invalid zone size "${size}"`)
  return bytes
}
