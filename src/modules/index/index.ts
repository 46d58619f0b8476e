// index: a request for a directory (a URI that ends with `/`) goes on inside as one for its index file. Stands before the
// handlers that serve files.

import type { ConfigCursor } from '../../config/types.ts'
import { defineModule, HTTP_SERVER_LOCATION, type HttpModule } from '../../http/module.ts'
import { compileValue, type Value } from '../../http/value.ts'
import { indexHandler } from './handler.ts'

export interface IndexConf {
  /** Tried in order; one that begins with `/` is a URI and ends the search. */
  names: readonly Value[]
}

const DEFAULT_NAME = 'index.html'

export const index: HttpModule<IndexConf> = defineModule<IndexConf>({
  name: 'index',
  defaults: { names: [{ text: DEFAULT_NAME, constant: DEFAULT_NAME, get: () => DEFAULT_NAME }] },
  directives: {
    index: { in: HTTP_SERVER_LOCATION, args: [1, Number.POSITIVE_INFINITY], set: addNames },
  },
  phases: [{ at: 'content', build: ({ names }) => indexHandler(names) }],
})

/** `index NAME...`; repeating the directive appends. */
function addNames(cf: ConfigCursor, own: Partial<IndexConf>): void {
  const words = cf.args.slice(1)
  words.forEach((word, i) => {
    if (word === '') cf.fail('index "" in "index" directive is invalid')
    if (word.startsWith('/') && i < words.length - 1) {
      cf.warn('only the last index in "index" directive should be absolute')
    }
  })
  own.names = [...(own.names ?? []), ...words.map((word) => compileValue(cf, word))]
}
