import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyTypeProvider } from 'fastify'
import { pino } from 'pino'
import type { Options } from '../../src/config/options.ts'
import {
  createPostern,
  errorCodes,
  type Auth,
  type ErrorCode,
  type Guard,
  type Postern,
  type PosternEvent,
} from '../../src/index.ts'
import { inject, type TestKit } from '../../src/testing.ts'

/* Compiled, never run: what a developer is told by the types. */

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function holds<Claim extends true>(): Claim | undefined {
  return undefined
}

declare const options: Options
declare const request: FastifyRequest
declare const app: FastifyInstance

interface Claims {
  readonly name: string
  readonly roles: readonly string[]
}

export function typedClaims(): void {
  const postern = createPostern<Claims>(options)
  const auth = postern.auth(request)
  holds<Same<typeof auth, Auth<Claims>>>()
  holds<Same<typeof auth.claims.name, string>>()
  holds<Same<typeof auth.claims.roles, readonly string[]>>()
  holds<Same<typeof auth.carrier, 'cookie' | 'bearer' | 'dpop'>>()
  // @ts-expect-error -- not one of the claims
  void auth.claims.email
  // @ts-expect-error -- what stands in a token is not changed
  auth.subject = 'x'
  // @ts-expect-error -- claims are not changed
  auth.claims.name = 'x'

  const maybe = postern.authOrNull(request)
  // @ts-expect-error -- nobody need be signed in
  void maybe.subject
  if (maybe !== null) holds<Same<typeof maybe, Auth<Claims>>>()
}

export function untypedClaims(): void {
  const postern = createPostern(options)
  const { claims } = postern.auth(request)
  holds<Same<typeof claims, Readonly<Record<string, unknown>>>>()
  // @ts-expect-error -- unknown until it is looked at
  void claims['name']?.length
}

export function guards(postern: Postern<Claims>): void {
  holds<Same<ReturnType<typeof postern.requireAuth>, Guard>>()
  app.get('/a', { preHandler: postern.requireAuth() }, async () => ({}))
  app.get(
    '/b',
    { onRequest: [postern.requireAuth({ roles: ['admin'], name: 'Ada' }, { onAnonymous: '401', slide: false })] },
    async () => ({}),
  )
  app.addHook('onRequest', postern.requireAuth())
  app.addHook('preHandler', postern.optionalAuth({ slide: false }))
  app.addHook('onRequest', postern.noAuth())
  postern.requireAuth({ scope: ['read'] })
  // @ts-expect-error -- a number is no value of this claim
  postern.requireAuth({ roles: 1 })
  // @ts-expect-error -- a slip is seen before it is run
  postern.requireAuth({ role: 'admin' })
  // @ts-expect-error -- no such answer
  postern.requireAuth({}, { onAnonymous: 'maybe' })
  // @ts-expect-error -- nothing is required of whom anyone may be
  postern.optionalAuth({ roles: ['admin'] })
}

interface Staff {
  readonly desk: number
  readonly level?: 'junior' | 'senior'
}

export function twoInstances(): void {
  const people = createPostern<Claims>(options)
  const staff = createPostern<Staff>(options)
  holds<Same<ReturnType<typeof people.auth>['claims']['name'], string>>()
  holds<Same<ReturnType<typeof staff.auth>['claims']['desk'], number>>()
  // @ts-expect-error -- a claim of the other instance
  void staff.auth(request).claims.name
  app.get('/desk', { preHandler: staff.requireAuth({ desk: [1, 2], level: 'senior' }) }, async () => ({}))
  // @ts-expect-error -- not one of its values
  staff.requireAuth({ level: 'boss' })
}

/** An app has more types than the plain one: its own logger, typed parameters, a type provider, TLS. None needs a cast. */
export async function otherApps(postern: Postern<Claims>): Promise<void> {
  const logging = Fastify({ loggerInstance: pino() })
  await logging.register(postern.plugin)
  logging.get<{ Params: { id: string } }>('/x/:id', { preHandler: postern.requireAuth() }, async (asked) => [
    asked.params.id,
    postern.auth(asked).claims.name,
  ])
  logging.addHook('onRequest', postern.requireAuth())
  interface Provider extends FastifyTypeProvider {
    readonly validator: { readonly amount: number }
  }
  const provided = logging.withTypeProvider<Provider>()
  const schema = { body: { type: 'object' } } as const
  provided.post('/y', { onRequest: postern.requireAuth(), schema }, async (asked) => [
    asked.body.amount,
    postern.auth(asked).claims.name,
  ])
  const secure = Fastify({ https: {} })
  await secure.register(postern.plugin)
  secure.get('/z', { preHandler: [postern.requireAuth()] }, async (asked) => postern.authOrNull(asked)?.claims.name)
}

export async function upstreamRequests(auth: Auth<Claims>): Promise<void> {
  const answer = await auth.fetch('/api/things', {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  holds<Same<typeof answer.statusCode, number>>()
  // @ts-expect-error -- an object is no body
  await auth.fetch('/api/things', { body: {} })
}

export function optionsAreClosed(): void {
  const upstreams: Options['upstreams'] = {}
  // @ts-expect-error -- publicUrl is needed
  createPostern({ upstreams })
  // @ts-expect-error -- a slip is seen before it is run
  createPostern({ publicUrl: 'https://app.example.com', upstreams, sesion: {} })
  // @ts-expect-error -- not one of the two
  createPostern({ publicUrl: 'https://app.example.com', upstreams, session: { cookie: { sameSite: 'none' } } })
}

export function codesAreClosed(code: ErrorCode, event: PosternEvent): string {
  holds<Same<ErrorCode, keyof typeof errorCodes>>()
  // @ts-expect-error -- not a code
  const wrong: ErrorCode = 'POSTERN_WRONG'
  if (event.type === 'signed_in') holds<Same<typeof event.carrier, 'cookie' | 'bearer'>>()
  return `${wrong} ${errorCodes[code]}`
}

/** An app with a logger of its own is one that the kit asks. */
export async function askedWithLogger(kit: TestKit): Promise<void> {
  const logged = Fastify({ loggerInstance: pino() })
  await inject(logged, await kit.mintToken(), '/')
}
