// Ready-made setters for directives whose value is one field: flags, numbers, sizes, times, words out of a list. They
// are typed by the owner's Conf: a flag on a number field, or a word that the field's type does not have, is a compile
// error. Except where noted, a directive that was already given at its level fails with `is duplicate`.

import type { Arity, ConfigCursor, Context, Directive } from './types.ts'
import { parseInteger, parseOffset, parseSize, parseTimeMs, parseTimeSec } from './units.ts'

/** Value of a `bufs` slot: so many buffers of so many bytes; both are positive. */
export interface Buffers {
  readonly count: number
  readonly sizeBytes: number
}

/** Fields that can hold a `Value`. */
type FieldsFor<Conf, Value> = { [K in keyof Conf]-?: [Value] extends [Conf[K]] ? K : never }[keyof Conf]
/** Fields that hold words. */
type WordFields<Conf> = { [K in keyof Conf]-?: [Extract<Conf[K], string>] extends [never] ? never : K }[keyof Conf]
type Where = readonly Context[]

export interface Slots<Conf> {
  /** `on` or `off`, in any case. */
  flag(where: Where, field: FieldsFor<Conf, boolean>): Directive<Conf>
  /** Decimal digits. Without `max` there is no upper bound. */
  integer(where: Where, field: FieldsFor<Conf, number>, bounds?: { min: number; max?: number }): Directive<Conf>
  /** Bytes; units k and m. */
  size(where: Where, field: FieldsFor<Conf, number>): Directive<Conf>
  /** Bytes; units k, m and g. */
  offset(where: Where, field: FieldsFor<Conf, number>): Directive<Conf>
  /** Time, kept in milliseconds. */
  timeMs(where: Where, field: FieldsFor<Conf, number>): Directive<Conf>
  /** Time, kept in seconds. */
  timeSec(where: Where, field: FieldsFor<Conf, number>): Directive<Conf>
  string(where: Where, field: FieldsFor<Conf, string>): Directive<Conf>
  /** A file name, kept in full. */
  path(where: Where, field: FieldsFor<Conf, string>, base: 'conf' | 'prefix'): Directive<Conf>
  /** One of `words`, compared without case, kept as `words` writes it. */
  oneOf<K extends WordFields<Conf>>(where: Where, field: K, words: readonly Extract<Conf[K], string>[]): Directive<Conf>
  /**
   * One or more of the names of `bits`, compared without case; repeating the directive adds to it, repeating a word
   * warns.
   */
  bitmask(where: Where, field: FieldsFor<Conf, number>, bits: Readonly<Record<string, number>>): Directive<Conf>
  /** All arguments; repeating the directive appends. */
  list(where: Where, field: FieldsFor<Conf, readonly string[]>, args?: Arity): Directive<Conf>
  /** `NUMBER SIZE`. */
  bufs(where: Where, field: FieldsFor<Conf, Buffers>): Directive<Conf>
  /** `user:rw group:r all:r` as mode bits; the owner can always read and write. */
  accessMode(where: Where, field: FieldsFor<Conf, number>): Directive<Conf>
}

/** The setters for an owner with this Conf. */
export function slotsFor<Conf extends object>(): Slots<Conf> {
  return SLOTS
}

// One object serves every Conf: the types of Slots check the fields where an owner is declared, so that the setters
// themselves may take them as names of any object.
type AnyConf = Record<PropertyKey, unknown>
type Field = PropertyKey

// biome-ignore lint/suspicious/noExplicitAny: see above.
const SLOTS: Slots<any> = {
  flag: (where: Where, field: Field) => single(where, field, readFlag, 'flag'),
  integer: (where: Where, field: Field, bounds?: { min: number; max?: number }) =>
    single(where, field, (cf, text) => {
      const value = parseInteger(text) ?? cf.failDirective('invalid number')
      if (bounds !== undefined) checkBounds(cf, value, bounds)
      return value
    }),
  size: (where: Where, field: Field) => single(where, field, withParser(parseSize)),
  offset: (where: Where, field: Field) => single(where, field, withParser(parseOffset)),
  timeMs: (where: Where, field: Field) => single(where, field, withParser(parseTimeMs)),
  timeSec: (where: Where, field: Field) => single(where, field, withParser(parseTimeSec)),
  string: (where: Where, field: Field) => single(where, field, (_cf, text) => text),
  path: (where: Where, field: Field, base: 'conf' | 'prefix') =>
    single(where, field, (cf, text) => cf.fullName(text, base)),
  oneOf: (where: Where, field: Field, words: readonly string[]) =>
    single(where, field, (cf, text) => findWord(words, text) ?? cf.fail(`invalid value "${text}"`)),
  bitmask,
  list,
  bufs: (where: Where, field: Field) => single(where, field, readBuffers, 2),
  accessMode: (where: Where, field: Field) => single(where, field, readAccessMode, [1, 3]),
}

/** A directive that sets `field` once; `read` gets the first argument, which the arity has made sure of. */
function single(
  where: Where,
  field: Field,
  read: (cf: ConfigCursor, text: string) => unknown,
  args: Arity = 1,
): Directive<AnyConf> {
  return {
    in: where,
    args,
    set(cf, own) {
      if (Object.hasOwn(own, field)) cf.failDirective('is duplicate')
      own[field] = read(cf, cf.args[1] ?? '')
    },
  }
}

function withParser(parse: (text: string) => number | undefined): (cf: ConfigCursor, text: string) => number {
  return (cf, text) => parse(text) ?? cf.failDirective('invalid value')
}

function readFlag(cf: ConfigCursor, text: string): boolean {
  const word = text.toLowerCase()
  if (word === 'on') return true
  if (word === 'off') return false
  cf.fail(`invalid value "${text}" in "${cf.args[0]}" directive, it must be "on" or "off"`)
}

/** Fails unless `min <= value <= max`; for setters of their own, too. */
export function checkBounds(cf: ConfigCursor, value: number, { min, max }: { min: number; max?: number }): void {
  if (max === undefined) {
    if (value < min) cf.fail(`value must be equal to or greater than ${min}`)
  } else if (value < min || value > max) {
    cf.fail(`value must be between ${min} and ${max}`)
  }
}

function findWord(words: readonly string[], text: string): string | undefined {
  const wanted = text.toLowerCase()
  return words.find((word) => word.toLowerCase() === wanted)
}

function bitmask(where: Where, field: Field, bits: Readonly<Record<string, number>>): Directive<AnyConf> {
  const names = Object.keys(bits)
  return {
    in: where,
    args: [1, Number.POSITIVE_INFINITY],
    set(cf, own) {
      let mask = (own[field] as number | undefined) ?? 0
      for (const text of cf.args.slice(1)) {
        const bit = bits[findWord(names, text) ?? cf.fail(`invalid value "${text}"`)] ?? 0
        if ((mask & bit) !== 0) cf.warn(`duplicate value "${text}"`)
        mask |= bit
      }
      own[field] = mask
    },
  }
}

function list(where: Where, field: Field, args: Arity = 1): Directive<AnyConf> {
  return {
    in: where,
    args,
    set(cf, own) {
      own[field] = [...((own[field] as readonly string[] | undefined) ?? []), ...cf.args.slice(1)]
    },
  }
}

function readBuffers(cf: ConfigCursor, text: string): Buffers {
  const count = parseInteger(text)
  const sizeBytes = parseSize(cf.args[2] ?? '')
  // Neither may be zero; undefined is nginx's "cannot be parsed", with the same text.
  if (!count || !sizeBytes) cf.failDirective('invalid value')
  return { count, sizeBytes }
}

const ACCESS_SHIFTS: Readonly<Record<string, number>> = { user: 6, group: 3, all: 0 }
const ACCESS_RIGHTS: Readonly<Record<string, number>> = { rw: 6, r: 4 }
const OWNER_READS_AND_WRITES = 0o600

function readAccessMode(cf: ConfigCursor): number {
  let mode = OWNER_READS_AND_WRITES
  for (const text of cf.args.slice(1)) {
    const [, who = '', what = ''] = /^(user|group|all):(rw|r)$/.exec(text) ?? []
    const shift = ACCESS_SHIFTS[who]
    const right = ACCESS_RIGHTS[what]
    if (shift === undefined || right === undefined) cf.fail(`invalid value "${text}"`)
    mode |= right << shift
  }
  return mode
}
