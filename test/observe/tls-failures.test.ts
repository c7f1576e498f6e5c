import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { selfSigned } from '../upstream/support/certificate.ts'

/** Somebody stands in the way with a certificate that nobody vouches for. */
describe('LL-03 a certificate that is not trusted', () => {
  const imposter = createServer(selfSigned(), (request, response) => {
    request.resume()
    response.end('{}')
  })
  let gateway: Gateway

  before(async () => {
    await new Promise<void>((done) => imposter.listen(0, '127.0.0.1', done))
    const origin = `https://localhost:${(imposter.address() as AddressInfo).port}`
    gateway = await startGateway({
      face: 'server',
      options: () => ({
        upstreams: { accounts: serviceOptions(origin) },
        routes: [{ path: '/behind/', access: 'public', backend: origin }],
      }),
    })
  })
  after(async () => {
    await gateway.close()
    imposter.close()
  })

  const records = () => gateway.logs.map((line) => JSON.parse(line) as Record<string, unknown>)

  test('of the login service leaves an event that names it', async () => {
    const body = JSON.stringify({ username: 'john', password: 'password123' })
    const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { 'content-type': 'application/json' }, body)
    assert.equal(answer.status, 503)
    const refused = records().find(({ event }) => event === 'sign_in_refused')
    assert.deepEqual([refused?.['level'], refused?.['reason']], ['info', 'upstream_unavailable'])
    assert.match(String(refused?.['detail']), /DEPTH_ZERO_SELF_SIGNED_CERT/)
  })

  test('of a backend stands in the record of the request', async () => {
    assert.equal((await send(`${gateway.origin}/behind/a`)).status, 502)
    const record = records().find(({ msg, route }) => msg === 'request' && route === '/behind')
    assert.deepEqual([record?.['reason'], record?.['detail']], ['backend_bad', 'DEPTH_ZERO_SELF_SIGNED_CERT'])
  })
})
