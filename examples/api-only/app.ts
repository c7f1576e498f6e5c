import Fastify from 'fastify'
import { createPostern } from 'postern'
import { options } from './options.ts'

const postern = createPostern<{ name: string; roles: string[] }>(options, { requireGuard: true })
const app = Fastify()
await app.register(postern.plugin)

// Where no route is, Fastify's own answer would be no problem in the sense of RFC 9457.
app.setNotFoundHandler((_, reply) =>
  reply.code(404).type('application/problem+json').send({ title: 'Not Found', status: 404 }),
)

app.get('/health', { onRequest: postern.noAuth() }, async () => ({ well: true }))

app.get('/v1/me', { onRequest: postern.requireAuth() }, async (request) => {
  const { subject, claims, clientId, scopes } = postern.auth(request)
  return { subject, name: claims.name, clientId, scopes }
})

// A person's own session has no scopes: this is for clients that traded a token, and were granted it.
app.get('/v1/report', { onRequest: postern.requireAuth({ scope: 'read' }) }, async (request) => {
  const answer = await postern.auth(request).fetch('/api/things')
  return answer.body.json()
})

await app.listen({ host: '127.0.0.1', port: 8080 })
console.log('http://localhost:8080')
