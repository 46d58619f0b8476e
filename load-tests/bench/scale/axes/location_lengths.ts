// Prefix locations that all differ in length; a short one is asked for, with a long URI.

import { type Axis, frontServer, lines } from '../axis.ts'

export const locationLengths: Axis = {
  name: 'lengths of locations',
  sizes: [1, 10, 100],
  http: (size) =>
    frontServer(
      `location / { return 200 "ok"; } ${lines(size, (i) => `location /${'b'.repeat(i + 1)}/ { return 200 "no"; }`)}`,
    ),
  load: () => ({ target: `/${'a'.repeat(120)}` }),
}
