// Prefix locations of one server; the one in the middle is asked for.

import { type Axis, frontServer, lines } from '../axis.ts'

export const prefixLocations: Axis = {
  name: 'prefix locations',
  sizes: [1, 100, 1000, 10_000],
  http: (size) => frontServer(lines(size, (i) => `location /part${i}/ { return 200 "ok"; }`)),
  load: (size) => ({ target: `/part${size >> 1}/page` }),
}
