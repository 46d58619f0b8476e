// Keys of one zone, asked for in turn.

import { type Axis, frontServer } from '../axis.ts'

export const zoneKeys: Axis = {
  name: 'zone keys',
  sizes: [1, 100, 10_000, 100_000],
  files: { 'html/x': 'ok' },
  http: () => `
    limit_req_zone $arg_k zone=one:64m rate=10000r/s;
    ${frontServer('root %%DIR%%/html; limit_req zone=one burst=1000000 nodelay;')}`,
  load: (size) => ({ nextPath: `"/x?k=client-" .. (n * 7919 % ${size})` }),
}
