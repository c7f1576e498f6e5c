import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, onSendHookHandler } from 'fastify'
import type { Gate } from '../gate.ts'
import type { Answerer } from './answer.ts'
import type { CookieJar } from './cookies.ts'
import { ownRoute, type Allowed } from './guard.ts'
import type { ProxyTrust } from './request-facts.ts'

/** What every endpoint of ours is made with. */
export interface EndpointContext {
  readonly gate: Gate
  readonly answerer: Answerer
  readonly jar: CookieJar
  readonly trust: ProxyTrust
  /** Remembers who was let in, for the log record. */
  admit(request: FastifyRequest, who: Allowed): void
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>

/** A generator of documents has nothing to say of these: `/_auth/openapi.json` does. */
const hidden: FastifySchema & { readonly hide: true } = { hide: true }
const own = { config: ownRoute, schema: hidden }

/** Last, so that it holds for every page and every fault. */
const withoutReferrer: onSendHookHandler = (_request, reply, payload, done) => {
  reply.header('referrer-policy', 'no-referrer')
  done(null, payload)
}

const allMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

type Method = (typeof allMethods)[number]

/**
 * One address with its methods; every other method is 405 with Allow (RFC 9110 section 15.5.6). HEAD follows GET, unless `head` says
 * that it would do something. `refers`: whether a page of it, whatever it says, may tell others of ours its address.
 */
export function endpoint(
  app: FastifyInstance,
  { answerer }: EndpointContext,
  url: string,
  handlers: Partial<Record<Method, Handler>>,
  { head = true, refers = true }: { readonly head?: boolean; readonly refers?: boolean } = {},
): void {
  const shared = refers ? own : { ...own, onSend: withoutReferrer }
  const served = allMethods.filter((method) => handlers[method] !== undefined)
  for (const method of served) {
    const handler = handlers[method]
    if (handler !== undefined) app.route({ ...shared, method, url, exposeHeadRoute: head && method === 'GET', handler })
  }
  const allow = served.flatMap((method) => (method === 'GET' && head ? ['GET', 'HEAD'] : [method])).join(', ')
  const others = allMethods.filter((method) => !served.includes(method))
  app.route({
    method: served.includes('GET') && head ? others : [...others, 'HEAD'],
    url,
    ...shared,
    exposeHeadRoute: false,
    handler: (request, reply) => answerer.refuse(request, reply.header('allow', allow), 'method_not_allowed'),
  })
}
