// Regular expressions of one server, which are tried in turn: the last one matches. nginx's cost grows as well.

import { type Axis, frontServer, lines } from '../axis.ts'

export const regexLocations: Axis = {
  name: 'regex locations',
  sizes: [1, 10, 100],
  http: (size) => frontServer(lines(size, (i) => `location ~ ^/part${i}/.*\\.html$ { return 200 "ok"; }`)),
  load: (size) => ({ target: `/part${size - 1}/page.html` }),
}
