import formbody from '@fastify/formbody'
import Fastify from 'fastify'
import { createPostern } from 'postern'
import { options } from './options.ts'
import { page, text } from './page.ts'

const postern = createPostern<{ name: string; roles: string[] }>(options, { requireGuard: true })
const app = Fastify()
await app.register(postern.plugin)
await app.register(formbody)

/** By subject. A real app has a database; it needs no table of users. */
const orders = new Map<string, string[]>()

app.get('/', { preHandler: postern.optionalAuth() }, async (request, reply) => {
  const auth = postern.authOrNull(request)
  const greeting = auth === null ? '<a href="/orders">Your orders</a>' : `Hello ${text(auth.claims.name)}.`
  return page(reply, auth?.claims.name, `<h1>Shop</h1><p>${greeting}</p>`)
})

// Everything in here is for people who are signed in.
await app.register(async (members) => {
  members.addHook('onRequest', postern.requireAuth())

  members.get('/orders', async (request, reply) => {
    const { subject, claims } = postern.auth(request)
    const list = (orders.get(subject) ?? []).map((what) => `<li>${text(what)}</li>`).join('')
    const form = '<form method="post"><label>What <input name="what" required></label> <button>Order</button></form>'
    return page(reply, claims.name, `<h1>Orders</h1><ul>${list}</ul>${form}`)
  })

  // The guard refuses a post from another site, so the form needs no token against that.
  members.post<{ Body: { what?: string } }>('/orders', async (request, reply) => {
    const { subject } = postern.auth(request)
    const { what } = request.body
    if (what !== undefined && what !== '') orders.set(subject, [...(orders.get(subject) ?? []), what])
    return reply.redirect('/orders', 303)
  })
})

app.get('/admin', { onRequest: postern.requireAuth({ roles: ['admin'] }) }, async (request, reply) => {
  const all = [...orders.values()].flat().length
  return page(reply, postern.auth(request).claims.name, `<h1>All orders</h1><p>${all}</p>`)
})

await app.listen({ host: '127.0.0.1', port: 8080 })
console.log('http://localhost:8080')
