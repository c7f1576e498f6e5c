import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import formbody from '@fastify/formbody'
import { secret } from './canaries.ts'

export interface TokenIssuer {
  readonly origin: string
  readonly calls: { jwks: number; introspect: number }
  mode: 'well' | 'down' | 'hang' | 'garbage'
  /** What the key set shows. */
  keys: JWK[]
  /** Introspection answers by token; anything else is not active. */
  readonly active: Map<string, Record<string, unknown>>
  /** What the last introspection request brought. */
  seen: { authorization?: string | undefined; body?: unknown }
  /** A token with this header and payload, signed by the issuer's own key unless another is given. */
  sign(payload?: Record<string, unknown>, header?: Record<string, unknown>, key?: CryptoKey): Promise<string>
  readonly key: CryptoKey
  close(): Promise<void>
}

/** A service that makes JWT access tokens, publishes its keys and answers introspection, over a real socket. */
export async function startTokenIssuer(now: () => number): Promise<TokenIssuer> {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(formbody)
  const pair = await generateKeyPair('ES256', { extractable: true })
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
  const issuer: TokenIssuer = {
    origin: '',
    calls: { jwks: 0, introspect: 0 },
    mode: 'well',
    keys: [publicJwk],
    active: new Map(),
    seen: {},
    key: pair.privateKey,
    sign: async (payload = {}, header = {}, key = pair.privateKey) => {
      const iat = Math.floor(now() / 1000)
      const claims = { iss: issuer.origin, aud: 'https://api.example.com', sub: '42', iat, exp: iat + 3600, ...payload }
      const token = await new SignJWT(
        Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)),
      )
        .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt', ...header })
        .sign(key)
      return secret(token, 'a token of the issuer')
    },
    close: () => app.close(),
  }

  const well = async (request: FastifyRequest, reply: FastifyReply, body: () => object) => {
    if (issuer.mode === 'down') return reply.code(503).header('retry-after', '7').send({})
    if (issuer.mode === 'garbage') return reply.type('text/html').send('<html>It works!</html>')
    if (issuer.mode === 'hang') return new Promise(() => request.raw)
    return body()
  }
  app.get('/jwks', (request, reply) => {
    issuer.calls.jwks += 1
    return well(request, reply, () => ({ keys: issuer.keys }))
  })
  app.post<{ Body: { token?: string } }>('/introspect', (request, reply) => {
    issuer.calls.introspect += 1
    secret(request.body.token ?? '', 'a subject token')
    issuer.seen = { authorization: request.headers.authorization, body: request.body }
    return well(request, reply, () => {
      const told = issuer.active.get(request.body.token ?? '')
      return told === undefined ? { active: false } : { active: true, ...told }
    })
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return Object.assign(issuer, { origin })
}
