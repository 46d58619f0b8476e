// Busy connections of one worker.

import { type Axis, frontServer } from '../axis.ts'

export const connections: Axis = {
  name: 'connections',
  sizes: [10, 100, 1000, 4000],
  http: () => frontServer('return 200 "ok";'),
  load: (size) => ({ connections: size }),
}
