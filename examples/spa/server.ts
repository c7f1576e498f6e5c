/** Behind the gateway: the files of the page, and the API. It knows nothing of passwords, cookies or sessions. */
import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const gateway = 'http://localhost:8080'
const audience = 'http://127.0.0.1:5000'
const keys = createRemoteJWKSet(new URL(`${gateway}/.well-known/jwks.json`))

const app = Fastify()

/** By subject. */
const notes = new Map<string, string[]>()

for (const [path, file, type] of [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/app.js', 'app.js', 'text/javascript; charset=utf-8'],
] as const) {
  const content = await readFile(new URL(`public/${file}`, import.meta.url))
  app.get(path, async (_request, reply) =>
    reply.type(type).header('content-security-policy', "default-src 'self'; frame-ancestors 'none'").send(content),
  )
}

await app.register(
  async (api) => {
    // The gateway says who it is, signed and for this API only; whoever comes past it is nobody.
    api.decorateRequest('subject', '')
    api.addHook('onRequest', async (request, reply) => {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer: gateway,
          audience,
          typ: 'postern-assertion+jwt',
          algorithms: ['ES256'],
          requiredClaims: ['sub', 'exp'],
        })
        request.setDecorator('subject', payload.sub)
      } catch {
        return reply.code(401).send({ code: 'unauthenticated' })
      }
    })
    api.get('/notes', async (request) => notes.get(request.getDecorator<string>('subject')) ?? [])
    api.post<{ Body: { text: string } }>('/notes', async (request, reply) => {
      const subject = request.getDecorator<string>('subject')
      notes.set(subject, [...(notes.get(subject) ?? []), String(request.body.text)])
      return reply.code(201).send(notes.get(subject))
    })
  },
  { prefix: '/api' },
)

await app.listen({ host: '127.0.0.1', port: 5000 })
