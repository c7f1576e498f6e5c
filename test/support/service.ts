import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import Fastify, { type FastifyReply } from 'fastify'
import type { LoginUpstreamOptions } from '../../src/config/upstream-options.ts'
import { secret } from './canaries.ts'

export interface Service {
  readonly origin: string
  /** How often each call was made. */
  readonly calls: { login: number; check: number; logout: number; refresh: number; things: number }
  /** What it answers from now on. `hang`: nothing at all, for as long as it runs. */
  mode: 'well' | 'down' | 'hang' | 'garbage' | 'slow'
  /** Milliseconds of `slow`. */
  delay: number
  /** Bytes of the tokens it gives out from now on. */
  tokenLength: number
  /** Seconds that it says its tokens live. Undefined: it does not say. */
  expiresIn: number | undefined
  /** Whether it gives refresh tokens, each good for one use. */
  refreshes: boolean
  /** Milliseconds from the arrival of a call to the answer, per name; awaits a promise where one is given. */
  hold: Partial<Record<'login' | 'check' | 'logout' | 'refresh', Promise<void>>>
  readonly users: Map<
    string,
    { password: string; id: number; name: string; roles: string[]; disabled: boolean; more?: Record<string, unknown> }
  >
  /** Tokens that are good now, with their user. */
  readonly tokens: Map<string, string>
  readonly issued: string[]
  readonly refreshTokens: Map<string, string>
  /** Told of every request. */
  hear: (path: string, headers: IncomingHttpHeaders) => void
  reset(): void
  close(): Promise<void>
}

/** A login service over a real socket, with everything that a test may want to go wrong. */
export async function startService(): Promise<Service> {
  const app = Fastify({ forceCloseConnections: true })
  const users = () =>
    new Map([
      ['john', { password: 'password123', id: 1, name: 'John Doe', roles: ['user'], disabled: false }],
      ['ada', { password: 'password123', id: 2, name: 'Ada Lovelace', roles: ['user', 'admin'], disabled: false }],
    ])
  const service: Service = {
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
    hear: () => undefined,
    refreshTokens: new Map(),
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

  function issue(name: string): Record<string, unknown> {
    const token = secret(
      randomBytes(service.tokenLength).toString('base64url').slice(0, service.tokenLength),
      'a token of the service',
    )
    service.tokens.set(token, name)
    service.issued.push(token)
    if (!service.refreshes) return { authentication_token: token, expires_in: service.expiresIn }
    const refresh = secret(`refresh-${randomBytes(24).toString('base64url')}`, 'a refresh token')
    service.refreshTokens.set(refresh, name)
    return { authentication_token: token, refresh_token: refresh, expires_in: service.expiresIn }
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
    if (typeof request.body.Password === 'string') secret(request.body.Password, 'a password')
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

  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return Object.assign(service, { origin })
}

/** How the service is described in the configuration. */
export function serviceOptions(origin: string): LoginUpstreamOptions {
  return {
    kind: 'login',
    title: 'Example accounts',
    origin,
    timeout: '2s',
    login: {
      request: { method: 'POST', path: '/api/login', json: { User: '{username}', Password: '{password}' } },
      success: { status: [200] },
      token: { json: '/user/authentication_token' },
      expiry: { json: '/user/expires_in', unit: 'seconds' },
      subject: { json: '/user/id' },
      claims: { name: { json: '/user/name' }, roles: { json: '/user/roles' } },
      refusals: [
        { status: [400, 401], as: 'bad_credentials' },
        { status: [423], as: 'locked' },
      ],
    },
    check: { request: { method: 'GET', path: '/api/me' } },
    logout: { request: { method: 'POST', path: '/api/logout' } },
  }
}
