// Failures of tries and statuses: which status counts as which failure, and what the client gets when no try is left.

import {
  FAIL_HTTP_403,
  FAIL_HTTP_404,
  FAIL_HTTP_429,
  FAIL_HTTP_500,
  FAIL_HTTP_502,
  FAIL_HTTP_503,
  FAIL_HTTP_504,
  FAIL_TIMEOUT,
} from '../../upstream/transport.ts'

/** The http_NNN failure of a response's status, or 0. */
export function failureOfStatus(status: number): number {
  switch (status) {
    case 403:
      return FAIL_HTTP_403
    case 404:
      return FAIL_HTTP_404
    case 429:
      return FAIL_HTTP_429
    case 500:
      return FAIL_HTTP_500
    case 502:
      return FAIL_HTTP_502
    case 503:
      return FAIL_HTTP_503
    case 504:
      return FAIL_HTTP_504
    default:
      return 0
  }
}

/** Status of a failed try, and of the request if it was the last one. */
export function statusOfFailure(failure: number): number {
  switch (failure) {
    case FAIL_TIMEOUT:
    case FAIL_HTTP_504:
      return 504
    case FAIL_HTTP_500:
      return 500
    case FAIL_HTTP_503:
      return 503
    case FAIL_HTTP_403:
      return 403
    case FAIL_HTTP_404:
      return 404
    case FAIL_HTTP_429:
      return 429
    default:
      return 502
  }
}

/** False for methods that may have been carried out though no answer came. */
export function mayRepeat(method: string): boolean {
  return method !== 'POST' && method !== 'LOCK' && method !== 'PATCH'
}
