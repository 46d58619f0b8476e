// Dates of HTTP headers in the three forms that a server must read: RFC 1123, RFC 850 and asctime. Strict where
// Date.parse would guess.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

// `Sun, 06 Nov 1994 08:49:37 GMT`
const RFC_1123 = /^\w+, *(?<day>\d\d) (?<month>\w{3}) (?<year>\d{4}) (?<h>\d\d):(?<m>\d\d):(?<s>\d\d)/
// `Sunday, 06-Nov-94 08:49:37 GMT`
const RFC_850 = /^\w+, *(?<day>\d\d)-(?<month>\w{3})-(?<year>\d\d) (?<h>\d\d):(?<m>\d\d):(?<s>\d\d)/
// `Sun Nov  6 08:49:37 1994`
const ASCTIME = /^\w+ (?<month>\w{3}) (?<day>[ \d]\d) (?<h>\d\d):(?<m>\d\d):(?<s>\d\d) (?<year>\d{4})/

/** Seconds since the epoch, or undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  const groups = (RFC_1123.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text))?.groups
  if (groups === undefined) return undefined
  const { year = '', month = '', day, h, m, s } = groups
  const monthIndex = MONTHS.indexOf(month)
  const [dayOfMonth, hour, minute, second] = [day, h, m, s].map(Number) as [number, number, number, number]
  // A year of two digits is of the last century from 70 on.
  const fullYear = year.length === 2 ? Number(year) + (Number(year) < 70 ? 2000 : 1900) : Number(year)
  if (monthIndex < 0 || hour > 23 || minute > 59 || second > 59) return undefined
  const time = new Date(Date.UTC(fullYear, monthIndex, dayOfMonth, hour, minute, second))
  // The 31st of a short month would silently become the 1st of the next one.
  if (time.getUTCDate() !== dayOfMonth || time.getUTCMonth() !== monthIndex) return undefined
  return time.getTime() / 1000
}
