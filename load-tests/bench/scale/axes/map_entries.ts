// Lines of a map whose variable each request asks for.

import { type Axis, frontServer, lines } from '../axis.ts'

export const mapEntries: Axis = {
  name: 'map entries',
  sizes: [1, 100, 1000, 10_000],
  http: (size) => `
    map_hash_max_size 65536;
    map_hash_bucket_size 128;
    map $arg_k $mapped { ${lines(size, (i) => `key${i} value${i};`)} }
    ${frontServer('return 200 $mapped;')}`,
  load: (size) => ({ target: `/?k=key${size >> 1}` }),
}
