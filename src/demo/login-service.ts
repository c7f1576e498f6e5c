import { randomBytes, timingSafeEqual } from 'node:crypto'
import Fastify, { type FastifyRequest } from 'fastify'
import { systemClock, type Clock } from '../base/clock.ts'

interface User {
  readonly id: number
  readonly name: string
  readonly roles: readonly string[]
}

/** Invented people of an invented service. */
const accounts: ReadonlyMap<string, { readonly password: string; readonly user: User }> = new Map([
  ['john', { password: 'password123', user: { id: 1, name: 'john', roles: ['user'] } }],
  ['ada', { password: 'password123', user: { id: 2, name: 'ada', roles: ['user', 'admin'] } }],
])

/** Milliseconds that a token lives after it was last used. */
const tokenLife = 30 * 60_000

const loginSchema = {
  body: {
    type: 'object',
    required: ['User', 'Password'],
    properties: { User: { type: 'string' }, Password: { type: 'string' } },
  },
}

export interface LoginService {
  readonly origin: string
  close(): Promise<void>
}

/**
 * A small web service with accounts, as Postern meets them: it takes a name and a password and hands out an opaque
 * token. It stands in for somebody else's service in the demo and in tests; it knows nothing of Postern.
 */
export async function startLoginService({ clock = systemClock }: { clock?: Clock } = {}): Promise<LoginService> {
  const tokens = new Map<string, { readonly user: User; readonly endsAt: number }>()
  const app = Fastify({ forceCloseConnections: true })

  function userOf(request: FastifyRequest): User | undefined {
    const token = bearerOf(request)
    const entry = tokens.get(token)
    if (entry === undefined) return undefined
    const now = clock()
    if (entry.endsAt <= now) {
      tokens.delete(token)
      return undefined
    }
    tokens.set(token, { user: entry.user, endsAt: now + tokenLife })
    return entry.user
  }

  app.post<{ Body: { User: string; Password: string } }>(
    '/api/login',
    { schema: loginSchema },
    async (request, reply) => {
      const account = accounts.get(request.body.User)
      if (account === undefined || !equal(account.password, request.body.Password)) {
        return reply.code(401).send({ error: 'wrong user or password' })
      }
      const token = randomBytes(24).toString('base64url')
      tokens.set(token, { user: account.user, endsAt: clock() + tokenLife })
      return { user: { authentication_token: token, ...account.user } }
    },
  )

  app.get('/api/me', async (request, reply) => {
    const user = userOf(request)
    return user === undefined ? reply.code(401).send({ error: 'not signed in' }) : { user }
  })

  app.post('/api/logout', async (request, reply) => {
    tokens.delete(bearerOf(request))
    return reply.code(204).send()
  })

  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return { origin, close: () => app.close() }
}

function bearerOf(request: FastifyRequest): string {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
