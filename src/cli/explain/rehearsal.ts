import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { duplexPair } from 'node:stream'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { Reason } from '../../base/reasons.ts'
import type { Config, FrontProxy } from '../../config/config.ts'
import { createGate, type Gate } from '../../gate.ts'
import { createAnswerer } from '../../http/answer.ts'
import { createBackends, type Backends, type Outgoing, type ProxiedRoute, type Valid } from '../../http/backends.ts'
import { bringsBound } from '../../http/challenge.ts'
import { createCookieJar, registerCookies } from '../../http/cookies.ts'
import type { EndpointContext } from '../../http/endpoint.ts'
import { forwardAuthEndpoints } from '../../http/forward-auth.ts'
import { createGuard } from '../../http/guard.ts'
import { reasonOf } from '../../http/problem.ts'
import { proxyRoutes } from '../../http/proxy.ts'
import { upgrades, wantsWebSocket } from '../../http/upgrade.ts'
import { ambiguity, answerParserError, isLenient } from '../../http/wire.ts'
import type { Key } from '../../keys/key.ts'
import type { RevocationList } from '../../life/revocations.ts'

/** Who decides about the request: the gateway's own routes, a front proxy that asks, or a guard in an app. */
export type Asked = { readonly by: 'proxy' } | { readonly by: FrontProxy } | { readonly by: 'guard' }

interface Question {
  readonly method: string
  readonly host: string
  /** Path and query as they are sent. */
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
}

export interface RawRequest extends Question {
  /** A WebSocket is to be opened; the headers have the rest of the handshake. */
  readonly opensSocket: boolean
}

/** What came of a request. */
export interface Outcome {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Undefined: it was let through, or it was not about that. */
  readonly reason: Reason | undefined
  /** What a backend would have been sent; undefined where it would not have been asked. */
  readonly forwarded: (Outgoing & { readonly route: ProxiedRoute; readonly who: Valid | undefined }) | undefined
  /** A guard or a front proxy lets it through. */
  readonly passed: boolean
  /** Whether the handler would have a session renewed for it, as far as it is the handler that says so. */
  readonly mayRenew: boolean
}

export interface Rehearsal {
  readonly gate: Gate
  send(request: RawRequest): Promise<Outcome>
  close(): Promise<void>
}

interface Scene {
  readonly keys: readonly Key[]
  readonly revocations: RevocationList | undefined
  readonly asked: Asked
}

/** Instead of what a backend would answer. */
class Caught extends Error {}

/**
 * The gateway's own handlers, in a process that serves nobody. Three things differ from what runs: no session is
 * renewed, so no upstream is asked; what would go to a backend is caught; and whoever asks as a front proxy is believed
 * to be one. Requests come as bytes through a pair of streams, so that no address is mended on the way.
 */
export async function rehearse(config: Config, { keys, revocations, asked }: Scene): Promise<Rehearsal> {
  let reason: Reason | undefined
  let forwarded: Outcome['forwarded']
  let passed = false
  let mayRenew = true

  const app = Fastify({
    requestIdHeader: false,
    http: { shouldUpgradeCallback: wantsWebSocket },
    // What is no request at all never becomes an event.
    clientErrorHandler(error, socket) {
      reason ??= 'bad_request'
      answerParserError(error, socket, () => undefined)
    },
    frameworkErrors: (error, request, reply) => {
      context.answerer.refuse(request as FastifyRequest, reply as FastifyReply, reasonOf(error))
    },
  })
  await registerCookies(app)
  const jar = createCookieJar(config, app)
  const real = createGate(config, {
    keys,
    cookies: jar,
    onEvent(event) {
      if (event.type === 'refused') reason ??= event.reason
    },
  })
  if (revocations !== undefined) real.revoke(revocations)
  // A proof is good once, and here one request is asked about for every kind of client.
  const proven = new Map<string, ReturnType<Gate['authenticate']>>()
  const gate: Gate = {
    ...real,
    authenticate(request, options) {
      mayRenew = options?.renew !== 'never'
      const authenticate = () => real.authenticate(request, { ...options, renew: 'never' })
      if (!bringsBound(request.headers.authorization)) return authenticate()
      const asked = JSON.stringify([request.method, request.url, options?.host])
      const found = proven.get(asked) ?? authenticate()
      proven.set(asked, found)
      return found
    },
  }
  const trust = () => true
  const context: EndpointContext = { gate, answerer: createAnswerer(gate, trust), jar, trust, admit: () => undefined }
  const lenient = isLenient(config.routes)
  app.addHook('onRequest', (request, reply, done) => {
    const fault = ambiguity(request.raw, lenient)
    if (fault === undefined) done()
    else context.answerer.refuse(request, reply, fault)
  })

  function catching(backends: Backends): Backends {
    return {
      ...backends,
      async prepare(route, path, request, who, trace) {
        // It would have another number each time.
        const untraced = { ...trace, headers: () => ({}) }
        const outgoing = await backends.prepare(route, path, request, who, untraced)
        if (outgoing === undefined) return undefined
        forwarded = { ...outgoing, route, who }
        throw new Caught('caught')
      },
    }
  }

  app.setNotFoundHandler((request, reply) => context.answerer.refuse(request, reply, 'not_found'))
  app.setErrorHandler((error, request, reply) => context.answerer.fail(request, reply, error))
  if (asked.by === 'proxy') {
    const backends = createBackends(app, context)
    if (backends !== undefined)
      await app.register(async (scope) => {
        proxyRoutes(scope, context, catching(backends))
        upgrades(scope, context, catching(backends))
      })
  } else if (asked.by === 'guard') {
    const guard = createGuard(
      () => context,
      { access: 'protected', require: {} },
      {},
      () => undefined,
    )
    app.all('/*', { onRequest: guard }, async () => {
      passed = true
      return ''
    })
  } else {
    await app.register(async (scope) => forwardAuthEndpoints(scope, context), { prefix: config.prefix })
  }
  await app.ready()

  return {
    gate,

    async send(request) {
      reason = undefined
      forwarded = undefined
      passed = false
      mayRenew = true
      const answer = await ask(
        app.server,
        asked.by === 'proxy' || asked.by === 'guard' ? request : question(asked.by, request, config),
        // An app and a front proxy open it themselves: who is asked about it hears of a GET.
        asked.by === 'proxy' && request.opensSocket,
      )
      const allowed = asked.by !== 'proxy' && answer.status < 300
      return {
        ...answer,
        reason: forwarded === undefined ? reason : undefined,
        forwarded,
        passed: passed || allowed,
        mayRenew,
      }
    },

    async close() {
      await app.close()
      await real.close()
    },
  }
}

/** How each front proxy asks; see docs/forward-auth.md. */
function question(
  proxy: FrontProxy,
  { method, host, target, headers }: Question,
  { secure, prefix }: Config,
): Question {
  const proto = secure ? 'https' : 'http'
  const verify = `${prefix}/verify/${proxy}`
  switch (proxy) {
    case 'nginx':
      return {
        method: 'GET',
        host,
        target: verify,
        headers: [...headers, ['x-original-url', `${proto}://${host}${target}`], ['x-original-method', method]],
      }
    case 'traefik':
    case 'caddy':
    case 'haproxy':
      return {
        method: 'GET',
        host,
        target: verify,
        headers: [
          ...headers,
          ['x-forwarded-method', method],
          ['x-forwarded-proto', proto],
          ['x-forwarded-host', host],
          ['x-forwarded-uri', target],
        ],
      }
    case 'envoy':
      return { method, host, target: `${verify}${target}`, headers: [...headers, ['x-forwarded-proto', proto]] }
  }
}

type Answer = Pick<Outcome, 'status' | 'headers' | 'body'>

/** Past every network: the server reads one end of a pair of streams, this request writes to the other. */
async function ask(
  server: { emit(event: 'connection', stream: unknown): boolean },
  { method, host, target, headers }: Question,
  opensSocket: boolean,
): Promise<Answer> {
  const [near, far] = duplexPair()
  server.emit('connection', far)
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = httpRequest({
    createConnection: () => near,
    method,
    path: target,
    headers: [
      'host',
      host,
      ...headers.flat(),
      ...(opensSocket ? ['connection', 'Upgrade', 'upgrade', 'websocket'] : ['connection', 'close']),
    ],
  })
  request.on('error', reject)
  request.on('response', (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    )
  })
  request.end()
  return promise.finally(() => near.destroy())
}
