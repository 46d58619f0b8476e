// Names of virtual servers on one address; the one in the middle is asked for.

import { type Axis, frontServer, lines } from '../axis.ts'

export const serverNames: Axis = {
  name: 'server names',
  sizes: [1, 100, 1000, 10_000],
  http: (size) => `
    server_names_hash_max_size 65536;
    server_names_hash_bucket_size 128;
    ${frontServer(`server_name ${lines(size, (i) => `host${i}.example.com`)}; return 200 "ok";`)}`,
  load: (size) => ({ headers: { Host: `host${size >> 1}.example.com` } }),
}
