import assert from 'node:assert/strict'
import { decodeJwt } from 'jose'
import { after, before, describe, test } from 'node:test'
import { send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'

/*
 * Attack: be the first to ask a gateway that has just started, and name a host of one's own. One that learns its address
 * from the first request makes tokens and links of it for everybody after.
 */
describe('the first request that a gateway sees', () => {
  let gateway: Gateway
  const evil = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '203.0.113.9',
    forwarded: 'host=evil.example;proto=https',
    'content-type': 'application/json',
  }
  const who = JSON.stringify({ username: 'john', password: 'password123' })

  before(async () => {
    gateway = await startGateway({ face: 'server' })
  })
  after(() => gateway.close())

  test('CF-02 decides neither issuer nor audience nor address, and makes no proxy trusted, for itself or for others', async () => {
    const hosts = [evil, { 'content-type': 'application/json' }]
    for (const headers of hosts) {
      const answer = await send(`${gateway.origin}/_auth/login`, 'POST', headers, who)
      assert.equal(answer.status, 200)
      const { access_token: token } = JSON.parse(answer.text) as { access_token: string }
      const { iss, aud } = decodeJwt(token)
      assert.deepEqual([iss, aud], [gateway.origin, gateway.origin])
      const metadata = await send(`${gateway.origin}/.well-known/oauth-authorization-server`, 'GET', headers)
      assert.equal((JSON.parse(metadata.text) as { issuer: string }).issuer, gateway.origin)
      const sent = await send(`${gateway.origin}/_auth/login`, 'GET', { ...headers, accept: 'text/html' })
      assert.ok(!`${sent.text}${JSON.stringify(sent.headers)}`.includes('evil.example'))
    }
    for (const event of gateway.events) if ('address' in event) assert.notEqual(event.address, '203.0.113.9')
    assert.ok(gateway.events.some((event) => event.type === 'signed_in' && 'address' in event))
  })
})
