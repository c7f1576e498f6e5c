import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { request } from 'undici'
import { createDispatcher } from '../../src/upstream/dispatcher.ts'
import { selfSigned } from './support/certificate.ts'
import { serve } from './support/server.ts'
import { ada, only, plainOptions, traced, typed } from './support/upstream.ts'

let hits = 0
const server = createServer(selfSigned(), (incoming, response) => {
  hits += 1
  incoming.resume()
  response.end('{"token":"stolen","id":"1"}')
})
let origin = ''

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `https://localhost:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

test('LG-08 a certificate that is not trusted gets no password', async () => {
  const { upstream } = traced(plainOptions(origin))
  after(() => upstream.close())
  const outcome = only(await upstream.signIn(typed(ada)), 'failed')
  assert.equal(outcome.as, 'upstream_unavailable')
  assert.match(outcome.detail, /DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED/)
  assert.equal(hits, 0)
})

test('LG-08 the environment cannot turn the verification of certificates off', async () => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'])
  const { upstream } = traced(plainOptions(origin))
  after(() => upstream.close())
  only(await upstream.signIn(typed(ada)), 'failed')
  assert.equal(hits, 0)
})

test('LG-08 a dispatcher goes to its own origin, whatever a request names', async () => {
  const own = await serve(() => ({ body: 'own' }))
  const other = await serve(() => ({ body: 'other' }))
  const dispatcher = createDispatcher({ origin: own.origin, timeout: 1000 })
  after(async () => {
    await dispatcher.close()
    await Promise.all([own.close(), other.close()])
  })
  const { body } = await request(`${other.origin}/path`, { dispatcher })
  assert.equal(await body.text(), 'own')
  assert.equal(other.calls.length, 0)
})

test('connections to one service are bounded', async () => {
  let open = 0
  let most = 0
  const service = await serve(async () => {
    open += 1
    most = Math.max(most, open)
    await new Promise((resolve) => setTimeout(resolve, 30))
    open -= 1
    return { body: { token: 't', id: '1' } }
  })
  const { upstream } = traced(plainOptions(service.origin))
  after(async () => {
    await upstream.close()
    await service.close()
  })
  const outcomes = await Promise.all(Array.from({ length: 150 }, () => upstream.signIn(typed(ada))))
  for (const outcome of outcomes) only(outcome, 'signed_in')
  assert.ok(most > 10 && most <= 64, String(most))
})
