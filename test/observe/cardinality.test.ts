import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { count } from '../../src/base/meters.ts'
import { Series } from '../../src/base/series.ts'
import { startBackend } from '../support/backend.ts'
import { bearerToken, BrowserClient, formPost, send } from '../support/browser-client.ts'
import { freePort, startGateway } from '../support/gateway.ts'
import { metricsOf } from '../support/metrics.ts'
import { exchange } from '../wire/raw.ts'

/* Whatever a request brings, it makes no series: who could invent labels could fill a monitoring, or write into it. */

test('nothing that a request brings stands in a label, and no request adds a series', async (t) => {
  const backend = await startBackend()
  const adminPort = await freePort()
  const gateway = await startGateway({
    face: 'server',
    options: (origin) => ({
      listen: { host: '127.0.0.1', port: Number(new URL(origin).port), adminPort },
      routes: [{ path: '/app/', access: 'public', backend: backend.origin }],
      rateLimit: { login: { perAddress: '1000/1m', perAccountAndAddress: '1000/1m' } },
    }),
  })
  t.after(async () => {
    await gateway.close()
    await backend.close()
  })
  const { origin } = gateway
  const good = await bearerToken(origin)
  const [head = '', payload, signature] = good.split('.')
  const { alg, typ } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: string; typ: string }
  const json = { 'content-type': 'application/json' }

  /** One of everything, each with a name that nobody has said before. */
  async function attack(): Promise<void> {
    const made = `hostile-${randomBytes(6).toString('hex')}`
    // What is secret is named by itself: the sweep would find it where a name may stand.
    const hidden = `hostile-${randomBytes(6).toString('hex')}`
    const header = Buffer.from(JSON.stringify({ alg, kid: made, typ })).toString('base64url')
    const bearer = { authorization: `Bearer ${header}.${payload}.${signature}` }
    await send(`${origin}/${made}`)
    await send(`${origin}/app/${made}?${made}`)
    await send(`${origin}/_auth/${made}`)
    await send(`${origin}/app/`, 'GET', { host: made })
    await send(`${origin}/protected`, 'GET', bearer)
    await send(`${origin}/protected`, 'GET', { authorization: `${made} ${hidden}` })
    await exchange(gateway, `${made.toUpperCase()} /app/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await exchange(gateway, `PROPFIND /app/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await new BrowserClient(origin).signIn(made)
    const typed = { username: made, password: hidden, upstream: made }
    await send(`${origin}/_auth/login`, 'POST', json, JSON.stringify(typed))
    await send(`${origin}/_auth/login`, 'POST', json, JSON.stringify({ ...typed, upstream: 'accounts' }))
    const grant = new URLSearchParams({ grant_type: made, client_id: made, client_secret: hidden }).toString()
    await send(`${origin}/_auth/token`, 'POST', { 'content-type': formPost['content-type'] }, grant)
    await send(`${origin}/_auth/oidc/${made}/callback?state=${hidden}`)
  }

  const names = async () => [...(await metricsOf(`http://127.0.0.1:${adminPort}`)).series.keys()].toSorted()
  await attack()
  const before = await names()
  for (let times = 0; times < 10; times += 1) await attack()
  const after = await names()
  assert.deepEqual(
    after.filter((name) => name.startsWith('postern_')),
    before.filter((name) => name.startsWith('postern_')),
  )
  assert.doesNotMatch(after.join('\n'), /hostile/i)
})

test('a table that a fault fills counts the rest together', () => {
  const series = new Series(['first', 'second', 'third'], count)
  for (let index = 0; index < 5_000; index += 1) series.of(`${index}`, 'b', 'c').value += 1
  const rows = [...series.entries()]
  assert.ok(rows.length <= 1_001)
  const rest = rows.find(([labels]) => labels['first'] === 'other')
  assert.deepEqual(rest?.[0], { first: 'other', second: 'other', third: 'other' })
  assert.equal(
    rows.reduce((sum, [, { value }]) => sum + value, 0),
    5_000,
  )
  // What was there before is counted where it was.
  series.of('1', 'b', 'c').value += 1
  assert.equal(series.of('1', 'b', 'c').value, 2)
})
