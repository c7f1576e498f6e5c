import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BrowserClient, send } from '../support/browser-client.ts'
import {
  accessTokenType,
  basic,
  exchangeGrant,
  reportsSecret,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'
import { startGateway } from '../support/gateway.ts'
import { assertOAuthError } from './refusal.ts'

describe('a request of the token endpoint', () => {
  let site: ExchangeSite
  let token: string
  let usual: Record<string, string>
  before(async () => {
    site = await startExchangeSite()
    token = await site.serviceToken()
    usual = {
      grant_type: exchangeGrant,
      subject_token: token,
      subject_token_type: accessTokenType,
      client_id: 'cli',
      upstream: 'accounts',
    }
  })
  after(() => site.close())

  test('TM-09 is answered with exactly the members of RFC 8693, and kept by no cache', async () => {
    const answer = await site.token(usual)
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(Object.keys(answer.json()), [
      'access_token',
      'issued_token_type',
      'token_type',
      'expires_in',
      'scope',
    ])
    const { issued_token_type, token_type, expires_in, scope } = answer.json()
    assert.deepEqual([issued_token_type, token_type, expires_in, scope], [accessTokenType, 'Bearer', 600, 'read write'])
    assert.equal(answer.headers['content-type'], 'application/json')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['pragma'], 'no-cache')
    assert.deepEqual(answer.setCookies, [])
  })

  for (const grant of [
    'password',
    'implicit',
    'client_credentials',
    'authorization_code',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    exchangeGrant.toUpperCase(),
  ]) {
    test(`TM-11 with grant_type ${grant} is refused, whoever asks`, async () => {
      const asked: Record<string, string> = { ...usual, grant_type: grant, username: 'john', password: 'password123' }
      const expected = { error: 'unsupported_grant_type', reason: 'unsupported_grant_type' } as const
      assertOAuthError(site, await site.token(asked), expected, ['password123'])
      const { client_id: _, ...anonymous } = asked
      assertOAuthError(site, await site.token(anonymous), expected)
    })
  }

  for (const name of [
    'grant_type',
    'subject_token',
    'subject_token_type',
    'client_id',
    'scope',
    'upstream',
    'made_up',
  ]) {
    test(`with ${name} twice is refused, even where both are the same or one is empty`, async () => {
      const value = usual[name] ?? 'read'
      for (const second of [value, 'other', '']) {
        const pairs = [...Object.entries(usual).filter(([key]) => key !== name), [name, value], [name, second]]
        assertOAuthError(site, await site.token(pairs as [string, string][]), { error: 'invalid_request' }, [token])
      }
    })
  }

  for (const name of ['grant_type', 'subject_token', 'subject_token_type']) {
    test(`without ${name}, or with nothing in it, is refused`, async () => {
      const { [name]: _, ...rest } = usual
      assertOAuthError(site, await site.token(rest), { error: 'invalid_request', reason: 'bad_request' })
      assertOAuthError(site, await site.token({ ...rest, [name]: '' }), { error: 'invalid_request' })
    })
  }

  test('counts what is empty as left out, and does not look at what it does not know', async () => {
    const answer = await site.token({
      ...usual,
      scope: '',
      audience: '',
      actor_token: '',
      client_secret: '',
      made: 'up',
    })
    assert.equal(answer.status, 200, answer.text)
  })

  for (const type of ['id_token', 'refresh_token', 'saml2', 'saml1', 'Access_Token']) {
    test(`with subject_token_type ${type} is refused before anyone is asked`, async () => {
      const { check } = site.gateway.service.calls
      const asked = { ...usual, subject_token_type: `urn:ietf:params:oauth:token-type:${type}` }
      assertOAuthError(site, await site.token(asked), { error: 'invalid_request', reason: 'bad_request' }, [token])
      assert.equal(site.gateway.service.calls.check, check)
    })
  }

  for (const type of ['jwt', 'id_token', 'refresh_token', 'saml2']) {
    test(`with requested_token_type ${type} is refused`, async () => {
      const asked = { ...usual, requested_token_type: `urn:ietf:params:oauth:token-type:${type}` }
      assertOAuthError(site, await site.token(asked), { error: 'invalid_request' })
    })
  }

  test('with requested_token_type access_token, or a subject token called a JWT, is as good', async () => {
    assert.equal((await site.token({ ...usual, requested_token_type: accessTokenType })).status, 200)
    const jwt = 'urn:ietf:params:oauth:token-type:jwt'
    assert.equal((await site.token({ ...usual, subject_token_type: jwt })).status, 200)
  })

  test('TM-08 with an actor is refused', async () => {
    for (const actor of [
      { actor_token: token },
      { actor_token: token, actor_token_type: accessTokenType },
      { actor_token_type: accessTokenType },
    ]) {
      assertOAuthError(site, await site.token({ ...usual, ...actor }), { error: 'invalid_request' }, [token])
    }
  })

  test('TV-12 with a subject token that has spaces, breaks or other bytes is refused before anyone is asked', async () => {
    const { check } = site.gateway.service.calls
    for (const odd of [
      `${token} `,
      ` ${token}`,
      `${token}\r\nx-evil: 1`,
      `${token}\n`,
      `${token}\u0000`,
      `${token}é`,
      `${token}\u00a0`,
      ' ',
    ])
      assertOAuthError(site, await site.token({ ...usual, subject_token: odd }), { error: 'invalid_request' })
    assert.equal(site.gateway.service.calls.check, check)
  })

  test('in anything but a form is refused as OAuth says', async () => {
    const address = `${site.gateway.origin}/_auth/token`
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      const answer = await send(address, 'POST', { 'content-type': type }, JSON.stringify(usual))
      assertOAuthError(site, answer, { error: 'invalid_request' }, [token])
    }
    assertOAuthError(site, await send(address, 'POST'), { error: 'invalid_request' })
  })

  test('DS-04 of more than 16 kB is refused', async () => {
    const answer = await site.token({ ...usual, subject_token: 'x'.repeat(17_000) })
    assertOAuthError(site, answer, { error: 'invalid_request', status: 413, reason: 'too_large' })
  })

  test('TV-16 in the query is not looked at', async () => {
    const query = new URLSearchParams(usual).toString()
    const answer = await send(`${site.gateway.origin}/_auth/token?${query}`, 'POST', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    assertOAuthError(site, answer, { error: 'invalid_request' }, [token])
  })

  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
    test(`CS-05 by ${method} is 405 and does nothing`, async () => {
      const answer = await send(`${site.gateway.origin}/_auth/token?${new URLSearchParams(usual).toString()}`, method, {
        origin: 'https://evil.example',
        'access-control-request-method': 'POST',
      })
      assert.equal(answer.status, 405)
      assert.equal(answer.headers['allow'], 'POST')
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    })
  }

  test('TM-10 with a session cookie is nobody’s, and neither reads nor changes it', async () => {
    const browser = new BrowserClient(site.gateway.origin)
    await browser.signIn('john', 'password123', { upstream: 'accounts' })
    const cookies = browser.cookieHeader()
    assert.notDeepEqual(cookies, {})
    const { client_id: _, ...anonymous } = usual
    assertOAuthError(site, await site.token(anonymous, cookies), { error: 'invalid_client' })
    const answer = await site.token(usual, { ...cookies, origin: 'https://evil.example' })
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.setCookies, [])
    assert.equal(answer.headers['access-control-allow-origin'], undefined)
    assert.equal((await browser.send('/protected')).json()['subject'], 'accounts|1')
  })

  test('RD-03 with redirect parameters is never redirected', async () => {
    const targets = { redirect_uri: 'https://evil.example', return_to: '//evil.example', resource: '//evil.example' }
    assertOAuthError(site, await site.token({ ...usual, ...targets }), { error: 'invalid_target' }, [token])
  })

  test('LG-04 is at no other spelling of the address', async () => {
    for (const path of ['/_auth/token/', '//_auth/token', '/_auth/%74oken', '/_AUTH/token', '/token']) {
      const answer = await send(
        `${site.gateway.origin}${path}`,
        'POST',
        { 'content-type': 'application/x-www-form-urlencoded' },
        new URLSearchParams(usual).toString(),
      )
      // A percent-encoded letter is the same address, and the same endpoint with the same limits.
      if (path === '/_auth/%74oken') assert.equal(answer.status, 200)
      else assert.ok(answer.status >= 400 && !answer.text.includes('access_token'), path)
    }
  })

  test('LL-03 leaves an event with who, which client and which token, and no token', async () => {
    const answer = await site.token({ ...usual, client_id: '', upstream: '' }, basic('reports', reportsSecret))
    assert.equal(answer.status, 200)
    const event = site.gateway.events.findLast(({ type }) => type === 'token_exchanged')
    assert.ok(event?.type === 'token_exchanged')
    assert.deepEqual(
      [event.client, event.sub, event.upstream, event.scope, event.audience],
      ['reports', 'accounts|1', 'accounts', 'read write', 'https://api.example.com'],
    )
    assert.ok(event.jti !== '' && event.sid !== undefined && event.address !== undefined)
    const logs = site.gateway.logs.join('')
    for (const secret of [token, reportsSecret, String(answer.json()['access_token'])]) {
      assert.ok(!logs.includes(secret))
      assert.ok(!JSON.stringify(site.gateway.events).includes(secret))
    }
  })
})

test('without exchange there is no such address', async () => {
  const gateway = await startGateway()
  try {
    const answer = await send(
      `${gateway.origin}/_auth/token`,
      'POST',
      { 'content-type': 'application/x-www-form-urlencoded' },
      'grant_type=x',
    )
    assert.equal(answer.status, 404)
  } finally {
    await gateway.close()
  }
})

test('the server answers as the plugin does', async () => {
  const site = await startExchangeSite({ face: 'server' })
  try {
    const token = await site.serviceToken()
    const traded = await site.trade(token, { upstream: 'accounts' })
    assert.equal(traded.status, 200)
    const logged = site.gateway.logs.find((line) => line.includes('"event":"token_exchanged"'))
    assert.match(logged ?? '', /"client":"cli","audience":"https:\/\/api.example.com","scope":"read write"/)
    assert.ok(!site.gateway.logs.join('').includes(String(traded.json()['access_token'])))
    assertOAuthError(site, await site.trade('nonsense', { upstream: 'accounts' }), {
      error: 'invalid_request',
      reason: 'refused_subject_token',
    })
    assert.ok(
      site.gateway.logs.some(
        (line) => line.includes('"reason":"refused_subject_token"') && line.includes('"status":400'),
      ),
    )
  } finally {
    await site.close()
  }
})
