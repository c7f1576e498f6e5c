import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { seconds } from '../support/clock.ts'
import { send } from '../support/browser-client.ts'
import {
  accessTokenType,
  basic,
  exchangeGrant,
  reportsSecret,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'
import { assertOAuthError } from './refusal.ts'

const limited = { error: 'temporarily_unavailable', status: 429, reason: 'rate_limited' } as const

describe('limits on trying', () => {
  let site: ExchangeSite
  before(async () => {
    site = await startExchangeSite({
      options: () => ({ rateLimit: { exchange: { perClientAndAddress: '5/1m', perAddress: '50/1m' } } }),
    })
  })
  after(() => site.close())

  test('refused subject tokens of a client stop being shown to the service, and good ones are not counted', async () => {
    const good = await site.serviceToken()
    const trade = (token: string) => site.trade(token, { upstream: 'accounts' })
    for (let count = 0; count < 20; count += 1) assert.equal((await trade(good)).status, 200)
    for (let count = 0; count < 5; count += 1) assert.equal((await trade(`guess-${count}`)).status, 400)
    const { check } = site.gateway.service.calls
    const answer = await trade('guess-6')
    assertOAuthError(site, answer, limited)
    assert.equal(answer.headers['retry-after'], '12')
    assertOAuthError(site, await trade(good), limited)
    assert.equal(site.gateway.service.calls.check, check)
    // Another client at the same address goes on.
    const reports = { grant_type: exchangeGrant, subject_token: good, subject_token_type: accessTokenType }
    assert.equal((await site.token(reports, basic('reports', reportsSecret))).status, 200)
    site.gateway.clock.advance(seconds(12))
    assert.equal((await trade(good)).status, 200)
  })

  test('guesses at once are counted before anyone is asked', async () => {
    site.gateway.clock.advance(seconds(600))
    const { check } = site.gateway.service.calls
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => site.trade(`parallel-${index}`, { upstream: 'accounts' })),
    )
    assert.equal(answers.filter(({ status }) => status === 400).length, 5)
    assert.equal(site.gateway.service.calls.check - check, 5)
  })

  test('a service that does not answer counts against nobody', async () => {
    site.gateway.clock.advance(seconds(600))
    const good = await site.serviceToken()
    site.gateway.service.mode = 'down'
    for (let count = 0; count < 8; count += 1)
      assert.equal((await site.trade(good, { upstream: 'accounts' })).status, 503)
    site.gateway.service.mode = 'well'
    assert.equal((await site.trade(good, { upstream: 'accounts' })).status, 200)
  })

  test('LG-01 an answer that names nobody may be a refusal, and counts as one', async () => {
    site.gateway.clock.advance(seconds(600))
    const good = await site.serviceToken()
    const john = site.gateway.service.users.get('john')
    assert.ok(john)
    site.gateway.service.users.set('john', { ...john, more: { id: undefined } })
    const { check } = site.gateway.service.calls
    for (let count = 0; count < 5; count += 1)
      assertOAuthError(site, await site.trade(good, { upstream: 'accounts' }), {
        error: 'temporarily_unavailable',
        status: 503,
        reason: 'upstream_bad',
      })
    site.gateway.service.users.set('john', john)
    assertOAuthError(site, await site.trade(good, { upstream: 'accounts' }), limited)
    assert.equal(site.gateway.service.calls.check - check, 5)
  })

  test('nobody can slow a public client down by secrets that it does not have', async () => {
    site.gateway.clock.advance(seconds(600))
    for (let count = 0; count < 60; count += 1) {
      const answer = await site.trade('x', { upstream: 'accounts', client_secret: `guess ${count}` })
      assertOAuthError(site, answer, { error: 'invalid_client', reason: 'wrong_client_method' })
    }
    assert.equal((await site.trade(await site.serviceToken(), { upstream: 'accounts' })).status, 200)
  })

  test('LG-04 wrong secrets count as failed sign-ins, and no right one gets through meanwhile', async () => {
    site.gateway.clock.advance(seconds(600))
    const asked = {
      grant_type: exchangeGrant,
      subject_token: await site.serviceToken(),
      subject_token_type: accessTokenType,
    }
    for (let count = 0; count < 5; count += 1)
      assert.equal((await site.token(asked, basic('reports', `guess ${count}`))).status, 401)
    assertOAuthError(site, await site.token(asked, basic('reports', 'guess 6')), limited)
    assertOAuthError(site, await site.token(asked, basic('reports', reportsSecret)), limited)
    const posted = { ...asked, client_id: 'reports', client_secret: reportsSecret }
    assertOAuthError(site, await site.token(posted), limited)
    // The address has 30 a minute for everything that it guesses.
    for (let count = 0; count < 25; count += 1) await site.token(asked, basic(`made-up-${count}`, 'guess'))
    const signIn = await send(
      `${site.gateway.origin}/_auth/login`,
      'POST',
      { 'content-type': 'application/json' },
      JSON.stringify({ username: 'john', password: 'password123', upstream: 'accounts' }),
    )
    assert.equal(signIn.status, 429)
    site.gateway.clock.advance(seconds(60))
    assert.equal((await site.token(posted)).status, 200)
  })
})
