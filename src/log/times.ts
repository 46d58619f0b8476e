// Texts of the present time in nginx's formats. Each is made at most once per second: a busy server asks for the same
// text thousands of times. The only place that turns clock readings into text.

import { eventMs } from './clock.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** Text of a moment; `nowMs` is the wall clock in milliseconds since the epoch. */
export type TimeFormat = (nowMs?: number) => string

/** `2026/11/22 12:05:00`, local time: lines of the error log. */
export const errorLogTime = perSecond(
  (t) => `${t.getFullYear()}/${two(t.getMonth() + 1)}/${two(t.getDate())} ${clock(t)}`,
)

/** `22/Nov/2026:12:05:00 +0000`, local time: $time_local. */
export const timeLocal = perSecond(
  (t) => `${two(t.getDate())}/${MONTHS[t.getMonth()]}/${t.getFullYear()}:${clock(t)} ${zone(t, '')}`,
)

/** `2026-11-22T12:05:00+00:00`, local time: $time_iso8601. */
export const timeIso8601 = perSecond(
  (t) => `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}T${clock(t)}${zone(t, ':')}`,
)

/** `Nov 22 12:05:00`, local time, the day padded with a blank: messages to syslog. */
export const syslogTime = perSecond((t) => `${MONTHS[t.getMonth()]} ${String(t.getDate()).padStart(2)} ${clock(t)}`)

/** `Sun, 22 Nov 2026 12:05:00 GMT`: the Date header. */
export const httpDate = perSecond((t) => t.toUTCString())

function perSecond(format: (time: Date) => string): TimeFormat {
  let second = Number.NaN
  let text = ''
  return (nowMs = eventMs()) => {
    const now = Math.floor(nowMs / 1000)
    if (now !== second) {
      second = now
      text = format(new Date(now * 1000))
    }
    return text
  }
}

function clock(time: Date): string {
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

function zone(time: Date, colon: string): string {
  const minutesEast = -time.getTimezoneOffset()
  const distance = Math.abs(minutesEast)
  return `${minutesEast < 0 ? '-' : '+'}${two(Math.floor(distance / 60))}${colon}${two(distance % 60)}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
