// What all adapters share: from a request to a decision and the fields that tell of it. An adapter adds how its framework
// names a client, takes fields, waits and refuses.

import { type CompiledLimit, checkKey, compileLimit } from '../limiter/options.ts'
import type { CheckResult, Key, Limit, LimitOptions, Zone } from '../limiter/types.ts'
import { binaryAddress, clientNetwork } from './client_network.ts'
import { type FieldSink, type FieldsForm, fieldsWriter, retryAfterSec, type WriteFields } from './fields.ts'

/** Of every adapter. Rate, burst and delay are those of `zone.limit()`. */
export interface RequestLimitOptions<Request> extends Omit<LimitOptions, 'name'> {
  readonly zone: Zone
  /** Of the limit in its zone, and of the policy in response fields. Limits with the same name share their counts. */
  readonly name?: string
  /**
   * Whose request it is. Default: the client's network; in a zone of the proxy with the key `$binary_remote_addr`, its
   * address by `binaryAddress`, as there; but if the proxy's IPv4 clients come to `[::]` with `ipv6only=off`, its `mapped`
   * must be chosen here. An empty key is not limited.
   */
  readonly key?: (request: Request) => Key
  /** How many requests this one counts as. */
  readonly cost?: (request: Request) => number
  /** True for requests that are neither counted nor refused. */
  readonly skip?: (request: Request) => boolean
  /** Of the answer to a refused request. Default 429. */
  readonly status?: number
  /** Body of that answer. */
  readonly message?: string
  /** Default `draft-10`; false sends none of them. `Retry-After` is sent with every refusal. */
  readonly fields?: FieldsForm | false
}

export const DEFAULT_NAME = 'default'
const DEFAULT_STATUS = 429
const DEFAULT_MESSAGE = 'Too Many Requests'

/** What an adapter knows of its framework. */
export interface Framework<Request, Response> extends FieldSink<Response> {
  /** The client's address, as far as the framework trusts who says so. */
  readonly addressOf: (request: Request) => string | undefined
  /** True when a proxy seems to stand in front, but the framework was not told to trust one. */
  readonly hasUntrustedProxy: (request: Request) => boolean
  /** What to do about it. */
  readonly trustHint: string
}

export class RequestLimit<Request, Response> {
  readonly limit: Limit
  readonly status: number
  readonly message: string
  readonly #options: RequestLimitOptions<Request>
  readonly #framework: Framework<Request, Response>
  readonly #keyOf: (request: Request) => Key
  readonly #compiled: CompiledLimit
  readonly #writeFields: WriteFields<Response> | undefined

  /** @throws TypeError or RangeError for wrong options */
  constructor(options: RequestLimitOptions<Request>, framework: Framework<Request, Response>) {
    const { zone, name = DEFAULT_NAME, rate, burst, delay, nodelay } = options
    const limit = {
      name,
      rate,
      ...(burst === undefined ? {} : { burst }),
      ...(delay === undefined ? {} : { delay }),
      ...(nodelay === undefined ? {} : { nodelay }),
    }
    this.limit = zone.limit(limit)
    this.status = options.status ?? DEFAULT_STATUS
    if (!Number.isInteger(this.status) || this.status < 400 || this.status > 599) {
      throw new RangeError(`invalid status ${this.status}: 400 to 599`)
    }
    this.message = options.message ?? DEFAULT_MESSAGE
    this.#options = options
    this.#framework = framework
    this.#keyOf = options.key ?? this.#defaultKey(zone)
    this.#compiled = compileLimit(limit)
    const { fields = 'draft-10' } = options
    this.#writeFields = fields === false ? undefined : fieldsWriter(fields, this.limit, framework)
  }

  /** Decides, charges, and writes the fields. Undefined: the request is not limited. */
  check(request: Request, response: Response): CheckResult | undefined {
    const { skip, cost: costOf } = this.#options
    if (skip !== undefined && isSkipped(skip(request))) return undefined
    const key = this.#keyOf(request)
    checkKey(key)
    if (key.length === 0) return undefined
    const cost = costOf === undefined ? 1 : costOf(request)
    const result = cost === 1 ? this.limit.check(key) : this.limit.check(key, { cost })
    this.#writeFields?.(response, result, this.#compiled.rateOf(key), cost)
    if (!result.allowed) {
      const sec = retryAfterSec(result)
      if (sec !== undefined) this.#framework.set(response, 'Retry-After', `${sec}`)
    }
    return result
  }

  #defaultKey(zone: Zone): (request: Request) => Key {
    if (zone.key === undefined) return (request) => clientNetwork(this.#addressOf(request))
    if (zone.key === '$binary_remote_addr') return (request) => binaryAddress(this.#addressOf(request))
    throw new TypeError(`zone "${zone.name}" has the key "${zone.key}" of the proxy: tell how to make it, by key`)
  }

  #addressOf(request: Request): string | undefined {
    const { addressOf, hasUntrustedProxy, trustHint } = this.#framework
    if (!warned && hasUntrustedProxy(request)) warnOfProxy(trustHint)
    return addressOf(request)
  }
}

/** Whatever JavaScript takes for true; but a promise would be that always. */
function isSkipped(answer: unknown): boolean {
  if (answer instanceof Promise) throw new TypeError('skip answers at once: it must not be async')
  return Boolean(answer)
}

let warned = false

/** Once for a process: whoever sends the field could fill the log otherwise. */
function warnOfProxy(hint: string): void {
  warned = true
  process.emitWarning(
    `a request came with X-Forwarded-For, but no proxy is trusted: if there is one, all its clients share one limit; ${hint}`,
    { type: 'SluiceWarning', code: 'SLUICE_UNTRUSTED_PROXY' },
  )
}
