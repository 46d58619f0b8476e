// static: the file that root or alias and the URI name. The last of the content handlers: what it cannot find is 404.

import { defineModule, type HttpModule } from '../../http/module.ts'
import { serveFile } from './handler.ts'

export const staticFiles: HttpModule<object> = defineModule<object>({
  name: 'static',
  defaults: {},
  directives: {},
  phases: [{ at: 'content', build: () => serveFile }],
})
