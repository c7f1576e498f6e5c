import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'

export interface LoginService {
  readonly origin: string
  readonly counts: {
    logins: number
    checks: number
    refreshes: number
    /** Refresh tokens that came a second time. */ reused: number
  }
  /** Every connection is cut, also those that come. */
  down: boolean
  close(): Promise<void>
}

interface Family {
  readonly user: string
  ended: boolean
}

/**
 * A login service with two doors. `/rotating/`: short tokens, and refresh tokens that are good for one use; the second
 * use of one is theft and ends everything that came of the first (RFC 9700 section 4.14.2). `/checked/`: tokens without an
 * end that can be asked about, and that outlive a sign-out here: only what the gateway knows ends those sessions.
 *
 * @param life seconds of the short tokens
 */
export async function startLoginService(life: number): Promise<LoginService> {
  const app = Fastify({ forceCloseConnections: true })
  const sockets = cuttable(app)
  const access = new Map<string, Family>()
  const refresh = new Map<string, { readonly family: Family; used: boolean }>()
  const counts = { logins: 0, checks: 0, refreshes: 0, reused: 0 }
  const fresh = () => randomBytes(24).toString('base64url')

  function issue(family: Family) {
    const [token, next] = [fresh(), fresh()]
    access.set(token, family)
    refresh.set(next, { family, used: false })
    return { token, refresh_token: next, expires_in: life, id: family.user }
  }

  app.post<{ Params: { kind: string }; Body: { user: string } }>('/:kind/login', async (request) => {
    counts.logins += 1
    const family = { user: request.body.user, ended: false }
    const { token, ...rest } = issue(family)
    return request.params.kind === 'rotating' ? { token, ...rest } : { token, id: family.user }
  })
  app.post<{ Body: { refresh_token: string } }>('/rotating/refresh', async (request, reply) => {
    counts.refreshes += 1
    const held = refresh.get(request.body.refresh_token)
    if (held?.used === true) {
      counts.reused += 1
      held.family.ended = true
    }
    if (held === undefined || held.family.ended) return reply.code(401).send({ error: 'invalid_grant' })
    held.used = true
    return issue(held.family)
  })
  app.get('/checked/me', async (request, reply) => {
    counts.checks += 1
    const family = access.get(request.headers.authorization?.slice('Bearer '.length) ?? '')
    return family === undefined ? reply.code(401).send({}) : { id: family.user }
  })
  app.post('/rotating/logout', async (request, reply) => {
    const family = access.get(request.headers.authorization?.slice('Bearer '.length) ?? '')
    if (family !== undefined) family.ended = true
    return reply.code(204).send()
  })

  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    origin,
    counts,
    get down() {
      return sockets.refused
    },
    set down(is) {
      sockets.refused = is
      if (is) sockets.cut()
    },
    close: () => app.close(),
  }
}

function cuttable({ server }: FastifyInstance) {
  const open = new Set<Socket>()
  const sockets = { refused: false, cut: () => open.forEach((socket) => socket.resetAndDestroy()) }
  server.on('connection', (socket: Socket) => {
    if (sockets.refused) {
      socket.resetAndDestroy()
      return
    }
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  return sockets
}

/** Says who is asking, and for what. */
export async function startBackend(): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const app = Fastify({ forceCloseConnections: true })
  app.route({
    method: ['GET', 'POST'],
    url: '/*',
    handler: async ({ method, url, body, headers }) => ({
      method,
      url,
      body: body ?? null,
      user: headers['x-forwarded-user'] ?? null,
      cookie: headers.cookie ?? null,
    }),
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return { origin, close: () => app.close() }
}
