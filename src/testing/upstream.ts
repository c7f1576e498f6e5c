import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import Fastify, { type FastifyReply } from 'fastify'
import type { LoginUpstreamOptions } from '../config/upstream-options.ts'
import { refuseInProduction } from './keys.ts'
import type { TestPerson } from './kit.ts'

/** Somebody who may sign in there. */
export interface UpstreamUser {
  password: string
  id: number
  name: string
  roles: string[]
  /** Answered as locked. Their tokens are no good from then on. */
  disabled: boolean
  /** Further members of the answers. */
  more?: Record<string, unknown>
}

/** A login service over a real socket, in this process, with everything that a test may want to go wrong. */
export interface TestUpstream {
  readonly origin: string
  /** How often each call was made. */
  readonly calls: { login: number; check: number; logout: number; refresh: number; things: number }
  /**
   * What it answers from now on. `down`: 503. `hang`: nothing at all, for as long as it runs. `garbage`: 200 and a page.
   * `slow`: as usual, after `delay`.
   */
  mode: 'well' | 'down' | 'hang' | 'garbage' | 'slow'
  /** Milliseconds of `slow`. */
  delay: number
  /** Bytes of the tokens that it gives out from now on. */
  tokenLength: number
  /** Seconds that it says its tokens live. Undefined: it does not say. */
  expiresIn: number | undefined
  /** Whether it gives refresh tokens, each good for one use. */
  refreshes: boolean
  /** For each call, what it waits for before it answers. */
  hold: Partial<Record<'login' | 'check' | 'logout' | 'refresh', Promise<void>>>
  /** By user name. At first `john`, and `ada` who has the role `admin`; the password of both is `password123`. */
  readonly users: Map<string, UpstreamUser>
  /** Tokens that are good now, with their user name. */
  readonly tokens: Map<string, string>
  /** Every token that it ever gave out. */
  readonly issued: string[]
  /** Refresh tokens that are good now, with their user name. */
  readonly refreshTokens: Map<string, string>
  /** Told of every request that comes. */
  hear: (path: string, headers: IncomingHttpHeaders) => void
  /** Somebody who is signed in there, for `mintSession`: with a token that it knows, so that `auth.fetch` and renewal work. */
  person(name: string): TestPerson
  /** As it was at the start. Tokens stay good. */
  reset(): void
  close(): Promise<void>
}

export interface TestUpstreamSettings {
  /** Default: a free one. */
  readonly port?: number
  /** Hears each token that it gives out and each password that it is sent, for tests that look for leaks. */
  readonly onSecret?: (value: string, what: string) => void
}

/**
 * Starts it on this machine.
 *
 * @throws PosternError `POSTERN_TESTING_MISUSED` in production
 * @example
 * const upstream = await startUpstream()
 * const options = { publicUrl: 'http://localhost:8080', upstreams: { accounts: upstreamOptions(upstream.origin) } }
 */
export async function startUpstream({ port = 0, onSecret }: TestUpstreamSettings = {}): Promise<TestUpstream> {
  refuseInProduction()
  const heard = (value: string, what: string) => {
    onSecret?.(value, what)
    return value
  }
  const app = Fastify({ forceCloseConnections: true })
  const users = () =>
    new Map<string, UpstreamUser>([
      ['john', { password: 'password123', id: 1, name: 'John Doe', roles: ['user'], disabled: false }],
      ['ada', { password: 'password123', id: 2, name: 'Ada Lovelace', roles: ['user', 'admin'], disabled: false }],
    ])
  const service: TestUpstream = {
    origin: '',
    calls: { login: 0, check: 0, logout: 0, refresh: 0, things: 0 },
    mode: 'well',
    delay: 0,
    tokenLength: 32,
    expiresIn: undefined,
    refreshes: false,
    hold: {},
    users: users(),
    tokens: new Map(),
    issued: [],
    refreshTokens: new Map(),
    hear: () => undefined,
    person(name) {
      const { id, roles, name: full } = service.users.get(name) ?? { id: 0, roles: [], name: '' }
      const { authentication_token, refresh_token } = issue(name)
      return {
        id,
        claims: { name: full, roles },
        upstreamToken: authentication_token,
        ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
      }
    },
    reset() {
      Object.assign(service.calls, { login: 0, check: 0, logout: 0, refresh: 0, things: 0 })
      Object.assign(service, {
        mode: 'well',
        delay: 0,
        tokenLength: 32,
        expiresIn: undefined,
        refreshes: false,
        hold: {},
      })
      service.users.clear()
      for (const [name, user] of users()) service.users.set(name, user)
    },
    close: () => app.close(),
  }

  /** Whether it has answered. Not the reply itself: that is a thenable, and awaiting it gives nothing. */
  async function trouble(reply: FastifyReply): Promise<boolean> {
    switch (service.mode) {
      case 'down':
        void reply.code(503).send({ error: 'maintenance' })
        return true
      case 'garbage':
        void reply.code(200).type('text/html').send('<html>It works!</html>')
        return true
      case 'hang':
        return new Promise(() => undefined)
      case 'slow':
        await new Promise((resolve) => setTimeout(resolve, service.delay))
        return false
      case 'well':
        return false
    }
  }

  function issue(name: string) {
    const token = randomBytes(service.tokenLength).toString('base64url').slice(0, service.tokenLength)
    service.tokens.set(heard(token, 'a token of the service'), name)
    service.issued.push(token)
    const given = { authentication_token: token, refresh_token: undefined, expires_in: service.expiresIn }
    if (!service.refreshes) return given
    const refresh = heard(`refresh-${randomBytes(24).toString('base64url')}`, 'a refresh token')
    service.refreshTokens.set(refresh, name)
    return { ...given, refresh_token: refresh }
  }

  const describe = (name: string) => {
    const { id, name: full, roles, more } = service.users.get(name) ?? { id: 0, name: '', roles: [], more: {} }
    return { id, name: full, roles, ...more }
  }
  const bearer = (header: string | undefined) => /^Bearer (.+)$/.exec(header ?? '')?.[1] ?? ''
  const userOf = (token: string) => {
    const name = service.tokens.get(token)
    const user = name === undefined ? undefined : service.users.get(name)
    return name === undefined || user === undefined || user.disabled ? undefined : name
  }

  app.addHook('onRequest', async ({ url, headers }) => service.hear(url, headers))
  app.post<{ Body: { User: string; Password: string } }>('/api/login', async (request, reply) => {
    service.calls.login += 1
    if (typeof request.body.Password === 'string') heard(request.body.Password, 'a password')
    await service.hold.login
    if (await trouble(reply)) return reply
    const user = service.users.get(request.body.User)
    if (user === undefined || user.password !== request.body.Password)
      return reply.code(401).send({ error: 'no such user or wrong password' })
    if (user.disabled) return reply.code(423).send({ error: 'locked' })
    return { user: { ...issue(request.body.User), ...describe(request.body.User) } }
  })

  app.get('/api/me', async (request, reply) => {
    service.calls.check += 1
    await service.hold.check
    if (await trouble(reply)) return reply
    const name = userOf(bearer(request.headers.authorization))
    return name === undefined ? reply.code(401).send({ error: 'who?' }) : { user: describe(name) }
  })

  app.post<{ Body: { refresh_token: string } }>('/api/refresh', async (request, reply) => {
    service.calls.refresh += 1
    await service.hold.refresh
    if (await trouble(reply)) return reply
    const name = service.refreshTokens.get(request.body.refresh_token)
    if (name === undefined || service.users.get(name)?.disabled !== false)
      return reply.code(401).send({ error: 'invalid_grant' })
    service.refreshTokens.delete(request.body.refresh_token)
    return { user: { ...issue(name), ...describe(name) } }
  })

  app.post('/api/logout', async (request, reply) => {
    service.calls.logout += 1
    await service.hold.logout
    if (await trouble(reply)) return reply
    service.tokens.delete(bearer(request.headers.authorization))
    return reply.code(204).send()
  })

  app.get('/api/things', async (request) => {
    service.calls.things += 1
    return {
      things: [1, 2, 3],
      for: userOf(bearer(request.headers.authorization)) ?? null,
      cookie: request.headers.cookie ?? null,
    }
  })

  const origin = await app.listen({ host: '127.0.0.1', port })
  return Object.assign(service, { origin })
}

const refreshRequest = { method: 'POST', path: '/api/refresh', json: { refresh_token: '{refreshToken}' } } as const

/**
 * How it is described in the configuration.
 *
 * @param refresh take its refresh tokens, and trade them at a renewal; then set `refreshes` too. Default: false.
 */
export function upstreamOptions(origin: string, { refresh = false } = {}): LoginUpstreamOptions {
  return {
    kind: 'login',
    title: 'Example accounts',
    origin,
    timeout: '2s',
    login: {
      request: { method: 'POST', path: '/api/login', json: { User: '{username}', Password: '{password}' } },
      success: { status: [200] },
      token: { json: '/user/authentication_token' },
      ...(refresh ? { refreshToken: { json: '/user/refresh_token' } } : {}),
      expiry: { json: '/user/expires_in', unit: 'seconds' },
      subject: { json: '/user/id' },
      claims: { name: { json: '/user/name' }, roles: { json: '/user/roles' } },
      refusals: [
        { status: [400, 401], as: 'bad_credentials' },
        { status: [423], as: 'locked' },
      ],
    },
    check: { request: { method: 'GET', path: '/api/me' } },
    ...(refresh ? { refresh: { request: refreshRequest } } : {}),
    logout: { request: { method: 'POST', path: '/api/logout' } },
  }
}
