// proxy_intercept_errors: a response of the upstream that has an error_page here.

import type { ErrorPage } from '../../http/core_conf.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { HeaderFields } from '../../net/header_fields.ts'
import { WWW_AUTHENTICATE } from '../../net/header_names.ts'

export function interceptsStatus(errorPages: readonly ErrorPage[], status: number): boolean {
  return errorPages.some(({ codes }) => codes.includes(status))
}

/** A 401 must tell how to authenticate, whatever page it shows. */
export function keepChallenges(r: HttpRequest, fields: HeaderFields): void {
  for (let i = 0; i < fields.count; i++) {
    if (fields.id(i) === WWW_AUTHENTICATE) r.out.add('WWW-Authenticate', fields.value(i))
  }
}
