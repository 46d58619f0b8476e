// `sluice/fastify`: limits as a plugin of Fastify 5. It limits the routes of the scope in which it is registered, and of
// the scopes inside; there, and on single routes (`config.sluice`), other limits may take its place. Registered twice in
// one scope, both limit.

import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import type { CheckResult } from '../limiter/types.ts'
import { nextAfter } from './delay.ts'
import { limitName } from './names.ts'
import { DEFAULT_NAME, type Framework, RequestLimit, type RequestLimitOptions } from './request_limit.ts'

export { type BinaryAddressOptions, binaryAddress, clientNetwork } from './client_network.ts'
export type { FieldsForm } from './fields.ts'

export interface FastifyRateLimitOptions extends RequestLimitOptions<FastifyRequest> {
  /** When requests are checked. Default `onRequest`, before anything is read; later hooks know more for the key. */
  readonly hook?: 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler'
  /**
   * Answers a refused request; status and fields are set. If it is async, what it resolves with is sent, as with the handler of
   * a route. Default: an error, for the error handler of the scope.
   */
  readonly handler?: (request: FastifyRequest, reply: FastifyReply, result: CheckResult) => unknown
}

/**
 * Of a route: what differs from the scope's limit (of several, the one registered last); false for none. The route then has
 * counts of its own, under a name made of method and url if none is given.
 */
export type FastifyRouteLimit = Partial<Omit<FastifyRateLimitOptions, 'zone' | 'hook'>> | false

declare module 'fastify' {
  interface FastifyContextConfig {
    sluice?: FastifyRouteLimit
  }
}

/** What a refused request fails with. */
export interface RateLimitError extends Error {
  readonly statusCode: number
  readonly code: 'SLUICE_RATE_LIMITED'
  readonly result: CheckResult
}

/**
 * @example
 * await app.register(rateLimit, { zone, rate: '10r/s', burst: 20 })
 * app.get('/costly', { config: { sluice: { rate: '1r/s' } } }, handler)
 */
export const rateLimit: FastifyPluginCallback<FastifyRateLimitOptions> = (instance, options, done) => {
  try {
    register(instance, options)
    done()
  } catch (error) {
    done(error as Error)
  }
}

function register(instance: FastifyInstance, options: FastifyRateLimitOptions): void {
  const scope = instance as Scope
  const registration = new Registration(options)
  // Scopes inherit from the scope around them, unless they have registrations of their own.
  if (Object.hasOwn(scope, REGISTRATIONS)) scope[REGISTRATIONS]?.push(registration)
  else scope[REGISTRATIONS] = [registration]
  instance.addHook('onRoute', function ({ url, method, config }) {
    // Wrong options of a route are an error at start. The route's scope may have registrations of its own.
    if (config?.sluice && applies(registration, this, config.sluice)) registration.limitOf(config.sluice, method, url)
  })
  const hook = (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) => {
    const route = request.routeOptions
    if (applies(registration, request.server, route.config.sluice)) registration.check(request, reply, route, next)
    else next()
  }
  switch (options.hook) {
    case 'preParsing':
      instance.addHook('preParsing', (request, reply, _payload, next) => hook(request, reply, next))
      break
    case 'preValidation':
    case 'preHandler':
      instance.addHook(options.hook, hook)
      break
    default:
      instance.addHook('onRequest', hook)
  }
}

// The limits are those of the scope that registers the plugin, not of one made for the plugin.
Object.assign(rateLimit, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'sluice/fastify',
  [Symbol.for('plugin-meta')]: { name: 'sluice/fastify', fastify: '5.x' },
})

const REGISTRATIONS = Symbol('sluice: registrations of this scope')

type Scope = FastifyInstance & { [REGISTRATIONS]?: Registration[] }

/** All that a scope has registered limit its routes; a route's own limit takes the place of all, and is the last one's. */
function applies(registration: Registration, scope: FastifyInstance, own: FastifyRouteLimit | undefined): boolean {
  const registrations = (scope as Scope)[REGISTRATIONS] ?? []
  return own === undefined ? registrations.includes(registration) : registrations.at(-1) === registration
}

type OwnLimit = Exclude<FastifyRouteLimit, false>

type Limiter = RequestLimit<FastifyRequest, FastifyReply>

class Registration {
  readonly #options: FastifyRateLimitOptions
  readonly #limit: Limiter
  /** By `config.sluice`, which routes may share, and then by method and url. */
  readonly #declared = new Map<OwnLimit, Map<string, Limiter>>()
  /** By the config that Fastify makes for each route. */
  readonly #ofRoutes = new Map<object, Limiter>()

  constructor(options: FastifyRateLimitOptions) {
    this.#options = options
    this.#limit = new RequestLimit(options, FASTIFY)
  }

  limitOf(own: OwnLimit, method: string | readonly string[] | undefined, url: string | undefined): Limiter {
    const declared = this.#declared.get(own) ?? new Map<string, Limiter>()
    this.#declared.set(own, declared)
    const route = `${method === undefined ? '' : String(method)} ${url ?? ''}`
    // The route for HEAD that Fastify adds to one for GET has its config, and its counts.
    let limit = (method === 'HEAD' ? declared.get(`GET ${url ?? ''}`) : undefined) ?? declared.get(route)
    if (limit === undefined) {
      const { delay, nodelay, ...scope } = this.#options
      // Who waits is said by one of the two, so a route that says it says it anew.
      const ofScope = own.delay === undefined && own.nodelay === undefined
      const waits = {
        ...(ofScope && delay !== undefined ? { delay } : {}),
        ...(ofScope && nodelay !== undefined ? { nodelay } : {}),
      }
      const name = limitName(`${scope.name ?? DEFAULT_NAME} ${route}`)
      limit = new RequestLimit({ ...scope, ...waits, name, ...own }, FASTIFY)
      declared.set(route, limit)
    }
    return limit
  }

  check(
    request: FastifyRequest,
    reply: FastifyReply,
    { config, method, url }: FastifyRequest['routeOptions'],
    next: (error?: Error) => void,
  ): void {
    const own = config.sluice
    if (own === false) {
      next()
      return
    }
    let limit = own === undefined ? this.#limit : this.#ofRoutes.get(config)
    if (limit === undefined) {
      limit = this.limitOf(own as OwnLimit, method, url)
      this.#ofRoutes.set(config, limit)
    }
    const result = limit.check(request, reply)
    if (result === undefined || (result.allowed && result.delayMs === 0)) {
      next()
    } else if (result.allowed) {
      nextAfter(result.delayMs, reply.raw, next)
    } else {
      reply.code(limit.status)
      const handler = own?.handler ?? this.#options.handler
      if (handler === undefined) next(refusal(limit, result))
      else settle(handler(request, reply, result), reply, next)
    }
  }
}

/** Nobody else looks at what the handler of a hook returns: its rejection would end the process. */
function settle(returned: unknown, reply: FastifyReply, next: (error?: Error) => void): void {
  if (!(returned instanceof Promise)) return
  returned
    .then((payload: unknown) => {
      if (payload !== undefined && !reply.sent) void reply.send(payload)
    })
    .catch(next)
}

const FASTIFY: Framework<FastifyRequest, FastifyReply> = {
  set: (reply, name, value) => void reply.header(name, value),
  append: (reply, name, value) => {
    const before = reply.getHeader(name)
    void reply.header(name, before === undefined ? value : `${String(before)}, ${value}`)
  },
  addressOf: (request) => request.ip,
  // Fastify lists addresses only if it was told whom to trust.
  hasUntrustedProxy: (request) => request.headers['x-forwarded-for'] !== undefined && request.ips === undefined,
  trustHint: "set Fastify's `trustProxy`",
}

function refusal(limit: Limiter, result: CheckResult): RateLimitError {
  return Object.assign(new Error(limit.message), {
    statusCode: limit.status,
    code: 'SLUICE_RATE_LIMITED' as const,
    result,
  })
}
