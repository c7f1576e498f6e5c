import assert from 'node:assert/strict'
import { request as ask, type IncomingMessage } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { logEvents } from '../../src/observe/log.ts'
import { BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { proofKey } from '../support/proofs.ts'
import { dpopSite, startDpopSite, type DpopSite } from './site.ts'

/** Addresses of every sort that ask who somebody is, each with what a good token gets there. */
const doors = [
  ['a route of the proxy', 'GET', '/api/things', 200],
  ['the guard of an app, as preHandler', 'GET', '/protected', 200],
  ['the guard of an app, as onRequest', 'GET', '/admin', 403],
  ['a guard that lets everybody in', 'GET', '/', 200],
  ['the session', 'GET', '/_auth/session', 200],
  ['the page of a session', 'GET', '/_auth/me', 200],
  ['renewal', 'POST', '/_auth/renew', 400],
] as const

function assertRefused(
  answer: Answer,
  reason: string,
  site: DpopSite,
  more: { status?: number; code?: string } = {},
): void {
  const { status = 401, code = 'invalid_dpop_proof' } = more
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json()['code'], code)
  const last = site.gateway.events.findLast(({ type }) => type === 'refused' || type === 'sign_in_refused')
  assert.ok(last !== undefined && 'reason' in last)
  assert.equal(last.reason, reason)
}

describe('a bound token', () => {
  let site: DpopSite
  let token: string
  before(async () => {
    site = await startDpopSite()
    token = await site.boundToken()
  })
  after(() => site.close())

  test('DP-04 is bound to the key of the proof, and says so to its client and to the audit log', async () => {
    const answer = await site.signIn({ dpop: await site.prove('/_auth/login', { htm: 'POST' }) })
    assert.equal(answer.status, 200)
    assert.equal(answer.json()['token_type'], 'DPoP')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.deepEqual(decodeJwt(String(answer.json()['access_token']))['cnf'], { jkt: site.key.jkt })
    const said = site.gateway.events.findLast(({ type }) => type === 'signed_in')
    assert.ok(said?.type === 'signed_in')
    assert.equal(said.jkt, site.key.jkt)
    const lines: object[] = []
    const log = (line: object) => void lines.push(line)
    logEvents({ debug: log, info: log, warn: log, error: log })(said)
    assert.ok(lines.some((line) => 'jkt' in line && line.jkt === site.key.jkt))
  })

  for (const [name, method, path, status] of doors) {
    test(`opens ${name} with a proof`, async () => {
      const answer = await site.use(path, token, { htm: method })
      assert.equal(answer.status, status, answer.text)
    })

    test(`DP-05 is refused at ${name} as Bearer, with a proof beside it or without`, async () => {
      for (const more of [{}, { dpop: await site.prove(path, { htm: method, token }) }]) {
        const answer = await send(`${site.gateway.origin}${path}`, method, {
          authorization: `Bearer ${token}`,
          ...more,
        })
        assertRefused(answer, 'bound_token', site, { code: 'invalid_credential' })
        assert.match(
          String(answer.headers['www-authenticate']),
          /^Bearer realm="postern", error="invalid_token".*, DPoP realm="postern", algs="ES256 /,
        )
      }
    })

    test(`DP-05 is refused at ${name} in a cookie`, async () => {
      const more = { cookie: `postern=${token}`, origin: site.gateway.origin, 'sec-fetch-site': 'same-origin' }
      const dpop = await site.prove(path, { htm: method, token })
      const answer = await send(`${site.gateway.origin}${path}`, method, { ...more, dpop })
      assertRefused(answer, 'wrong_kind', site, { code: 'invalid_credential' })
    })

    test(`DP-01 is refused at ${name} without a proof, and with two`, async () => {
      const authorization = `DPoP ${token}`
      const alone = await send(`${site.gateway.origin}${path}`, method, { authorization })
      assertRefused(alone, 'proof_missing', site)
      assert.match(
        String(alone.headers['www-authenticate']),
        /^DPoP realm="postern", error="invalid_dpop_proof", algs="ES256 [^"]+"/,
      )
      assert.doesNotMatch(String(alone.headers['www-authenticate']), /Bearer/)
      const lines = [await site.prove(path, { htm: method, token }), await site.prove(path, { htm: method, token })]
      const twice = await raw(site, method, path, [
        'Authorization',
        authorization,
        'DPoP',
        lines[0] ?? '',
        'DPoP',
        lines[1] ?? '',
      ])
      assert.equal(twice.statusCode, 401)
    })
  }

  test('DP-07 opens a route with several guards by one proof, which is still good once', async (t) => {
    const several = await dpopSite(t, {
      routes: (app, postern) => {
        void app.register(async (scope) => {
          scope.addHook('onRequest', postern.requireAuth())
          const preHandler = [postern.optionalAuth(), postern.requireAuth({}, { dpop: 'required' })]
          scope.get('/several', { preHandler }, async () => ({ in: true }))
        })
      },
    })
    const held = await several.boundToken()
    const dpop = await several.prove('/several', { token: held })
    const used = () => send(`${several.gateway.origin}/several`, 'GET', { authorization: `DPoP ${held}`, dpop })
    assert.equal((await used()).status, 200)
    assertRefused(await used(), 'proof_replayed', several)
  })

  test('DP-06 a nonce that comes with an answer is kept by no cache, whatever the handler says', async (t) => {
    const site = await dpopSite(t, {
      dpop: { mode: 'optional' },
      routes: (app, postern) => {
        app.get('/kept', { preHandler: postern.requireAuth() }, async (_request, reply) => {
          reply.header('cache-control', 'public, max-age=600')
          return { in: true }
        })
      },
    })
    const nonce = await site.nonce()
    const held = await site.boundToken()
    assert.equal((await site.use('/kept', held)).headers['cache-control'], 'public, max-age=600')
    site.gateway.clock.advance(31_000)
    const answer = await site.use('/kept', held, { nonce })
    assert.deepEqual([answer.status, answer.headers['cache-control']], [200, 'private, no-store'])
    assert.notEqual(answer.headers['dpop-nonce'] ?? nonce, nonce)
  })

  test('DP-05 is nobody at the sign-in page, but for whoever proves the key', async () => {
    assert.equal((await site.use('/_auth/login', token)).status, 303)
    for (const authorization of [`Bearer ${token}`, `DPoP ${token}`])
      assert.equal((await send(`${site.gateway.origin}/_auth/login`, 'GET', { authorization })).status, 200)
  })

  test('DP-05 does nothing at sign-out for whoever merely carries it', async () => {
    const held = await site.boundToken()
    const origin = { origin: site.gateway.origin }
    await send(`${site.gateway.origin}/_auth/logout`, 'POST', { authorization: `Bearer ${held}`, ...origin })
    await send(`${site.gateway.origin}/_auth/logout`, 'POST', { authorization: `DPoP ${held}`, ...origin })
    assert.equal((await site.use('/protected', held)).status, 200)
    assert.equal((await site.use('/_auth/logout', held, { htm: 'POST' })).status, 204)
    assertRefused(await site.use('/protected', held), 'revoked', site, { code: 'expired' })
  })

  test('DP-05 of another kind: an unbound token with the scheme DPoP is refused', async () => {
    const plain = String((await site.signIn()).json()['access_token'])
    assertRefused(await site.use('/protected', plain), 'unbound_token', site, { code: 'invalid_credential' })
    const bearer = await send(`${site.gateway.origin}/protected`, 'GET', { authorization: `Bearer ${plain}` })
    assert.equal(bearer.status, 200)
  })

  test('DP-02 is for one method, one path and one host', async () => {
    const other = await proofKey()
    const { origin } = site.gateway
    const { host, port } = new URL(origin)
    const judged = async (more: Parameters<DpopSite['use']>[2], reason: string) =>
      assertRefused(await site.use('/protected', token, more), reason, site)
    await judged({ htu: `${origin}/admin` }, 'proof_wrong_uri')
    await judged({ htu: `http://127.0.0.1:${port}/protected` }, 'proof_wrong_uri')
    await judged({ htu: `https://${host}/protected` }, 'proof_wrong_uri')
    const dpop = await site.prove('/protected', { htm: 'POST', token })
    const asked = await send(`${origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop })
    assertRefused(asked, 'proof_wrong_method', site)
    const foreign = await site.prove('/protected', { token }, other)
    const answer = await send(`${origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop: foreign })
    assertRefused(answer, 'proof_wrong_key', site, { code: 'invalid_credential' })
    assert.match(String(answer.headers['www-authenticate']), /^DPoP realm="postern", error="invalid_token"/)
  })

  test('DP-02 is the same with another query, and with none', async () => {
    const { origin } = site.gateway
    for (const path of ['/protected?a=b', '/protected?a=b&c=%2F'])
      assert.equal((await site.use(path, token, { htu: `${origin}/protected` })).status, 200)
    assert.equal((await site.use('/protected', token, { htu: `${origin}/protected?a=b#c` })).status, 200)
  })

  test('DP-02 is never judged by what the request says of the host', async () => {
    const { origin } = site.gateway
    const evil = 'https://evil.example'
    const forwarded = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example;proto=https',
      'x-original-url': `${evil}/protected`,
    }
    const spoofed = await site.prove('/', { htu: `${evil}/protected`, token })
    const answer = await send(`${origin}/protected`, 'GET', {
      authorization: `DPoP ${token}`,
      dpop: spoofed,
      ...forwarded,
    })
    assertRefused(answer, 'proof_wrong_uri', site)
    const hosted = await raw(site, 'GET', '/protected', [
      'Host',
      'evil.example',
      'Authorization',
      `DPoP ${token}`,
      'DPoP',
      spoofed,
    ])
    assert.equal(hosted.statusCode, 401)
    // The one that names the public URL is good, whatever the request says.
    const good = await site.prove('/protected', { token })
    const heard = await send(`${origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop: good, ...forwarded })
    assert.equal(heard.status, 200)
  })

  test('DP-04 has a proof of its own: that of another token is refused', async () => {
    const second = await site.boundToken()
    const dpop = await site.prove('/protected', { token: second })
    const answer = await send(`${site.gateway.origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop })
    assertRefused(answer, 'proof_wrong_token', site)
  })

  test('DP-03 without nonces a proof is made at most 60 seconds ago, and 5 seconds ahead', async () => {
    const at = site.gateway.clock()
    for (const [off, status] of [
      [-60, 200],
      [-61, 401],
      [5, 200],
      [6, 401],
    ] as const)
      assert.equal((await site.use('/protected', token, { at: at + off * 1000 })).status, status, String(off))
    assertRefused(await site.use('/protected', token, { at: at - 120_000 }), 'proof_stale', site)
    assertRefused(await site.use('/protected', token, { at: at + 60_000 }), 'proof_stale', site)
  })

  test('DP-07 a proof is taken once', async () => {
    const dpop = await site.prove('/protected', { token })
    const again = () => send(`${site.gateway.origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop })
    assert.equal((await again()).status, 200)
    assertRefused(await again(), 'proof_replayed', site)
    site.gateway.clock.advance(55_000)
    assertRefused(await again(), 'proof_replayed', site)
    site.gateway.clock.advance(10_000)
    assertRefused(await again(), 'proof_stale', site)
  })

  test('DP-07 a proof with which a token was asked for gives no second one', async () => {
    const dpop = await site.prove('/_auth/login', { htm: 'POST' })
    assert.equal((await site.signIn({ dpop })).status, 200)
    assertRefused(await site.signIn({ dpop }), 'proof_replayed', site, { status: 400 })
  })

  test('DP-01 a bad proof at sign-in is refused before the service is asked', async () => {
    const asked = site.gateway.service.calls.login
    const other = await proofKey()
    for (const [dpop, reason] of [
      [await site.prove('/_auth/login', { htm: 'GET' }), 'proof_wrong_method'],
      [await site.prove('/_auth/token', { htm: 'POST' }), 'proof_wrong_uri'],
      [await site.prove('/_auth/login', { htm: 'POST', header: { jwk: other.jwk } }), 'proof_bad_signature'],
      ['x', 'proof_malformed'],
    ] as const)
      assertRefused(await site.signIn({ dpop }), reason, site, { status: 400 })
    assert.equal(site.gateway.service.calls.login, asked)
  })

  test('a cookie is bound to no key, and a proof beside it is not looked at', async () => {
    const browser = new BrowserClient(site.gateway.origin)
    await browser.signIn()
    for (const dpop of ['x', await site.prove('/protected')])
      assert.equal((await browser.send('/protected', 'GET', { dpop })).status, 200)
    const json = { 'content-type': 'application/json', dpop: 'x' }
    const body = JSON.stringify({ username: 'john', password: 'password123', response: 'cookie' })
    assert.equal((await send(`${site.gateway.origin}/_auth/login`, 'POST', json, body)).status, 200)
  })

  test('never reaches a backend, and neither does its proof', async () => {
    site.backend.reset()
    assert.equal((await site.use('/api/things', token)).status, 200)
    const { headers } = site.backend.last()
    assert.deepEqual([headers['authorization'], headers['dpop']], [undefined, undefined])
    assert.equal(headers['x-forwarded-user'], 'accounts|1')
  })

  test('never stands in a log, and neither does its proof', async () => {
    const dpop = await site.prove('/api/things', { token })
    await send(`${site.gateway.origin}/api/things`, 'GET', { authorization: `DPoP ${token}`, dpop })
    await send(`${site.gateway.origin}/api/things`, 'GET', { authorization: `DPoP ${token}`, dpop })
    for (const text of [dpop, dpop.slice(-40), token.slice(-40)])
      assert.ok(!site.gateway.logs.some((line) => line.includes(text)))
  })
})

/** A request as it is written, lines that stand twice and a Host of one's own included. */
function raw({ gateway }: DpopSite, method: string, path: string, lines: readonly string[]): Promise<IncomingMessage> {
  const named = lines.some((line) => line.toLowerCase() === 'host')
  const { host, hostname, port } = new URL(gateway.origin)
  const headers = ['Content-Length', '0', ...(named ? [] : ['Host', host]), ...lines]
  return new Promise((resolve, reject) => {
    ask({ host: hostname, port, method, path, headers, setHost: false }, (answer) => resolve(answer.resume()))
      .on('error', reject)
      .end()
  })
}

describe('where it is required', () => {
  test('DP-05 an unbound token is refused, and none is given', async (t) => {
    const relaxed = await dpopSite(t)
    const { keys, origin } = relaxed.gateway
    const plain = String((await relaxed.signIn()).json()['access_token'])
    const site = await dpopSite(t, { dpop: { mode: 'required', nonces: false }, keys, publicUrl: origin })
    for (const [name, method, path] of doors) {
      const answer = await send(`${site.gateway.origin}${path}`, method, { authorization: `Bearer ${plain}` })
      assert.equal(answer.status, 401, name)
      assert.match(
        String(answer.headers['www-authenticate']),
        /^DPoP realm="postern", error="invalid_token", algs=/,
        name,
      )
      assertRefused(answer, 'unbound_token', site, { code: 'invalid_credential' })
    }
    assertRefused(await site.signIn(), 'proof_missing', site, { status: 400 })
    const nobody = await send(`${site.gateway.origin}/protected`)
    assert.match(String(nobody.headers['www-authenticate']), /^DPoP realm="postern", algs="ES256 [^"]*"/)
  })

  test('DP-05 on one route alone, an unbound token opens the others', async (t) => {
    const site = await dpopSite(t, {
      options: ({ origin: backend }) => ({
        routes: [
          { path: '/api/', backend },
          { path: '/api/money', backend, dpop: 'required' },
        ],
      }),
      routes: (app, postern) => {
        app.get(
          '/guarded',
          { preHandler: postern.requireAuth({}, { dpop: 'required' }) },
          async (request) => postern.auth(request).carrier,
        )
      },
    })
    const plain = { authorization: `Bearer ${String((await site.signIn()).json()['access_token'])}` }
    assert.equal((await send(`${site.gateway.origin}/api/things`, 'GET', plain)).status, 200)
    for (const path of ['/api/money', '/api/money/x', '/guarded']) {
      const answer = await send(`${site.gateway.origin}${path}`, 'GET', plain)
      assertRefused(answer, 'unbound_token', site, { code: 'invalid_credential' })
      assert.match(String(answer.headers['www-authenticate']), /^DPoP /)
    }
    const token = await site.boundToken()
    assert.equal((await site.use('/api/money', token)).status, 200)
    assert.equal((await site.use('/guarded', token)).text, 'dpop')
  })

  test('a cookie opens it all the same: it is held by a browser, and by no client', async (t) => {
    const site = await dpopSite(t, { dpop: { mode: 'required' } })
    const browser = new BrowserClient(site.gateway.origin)
    await browser.signIn()
    assert.equal((await browser.send('/api/things')).status, 200)
  })
})

describe('while it is off', () => {
  test('DP-05 no token is bound, and the scheme is taken for no token', async (t) => {
    const site = await dpopSite(t, { dpop: { mode: 'off' } })
    const answer = await site.signIn({ dpop: await site.prove('/_auth/login', { htm: 'POST' }) })
    assert.equal(answer.json()['token_type'], 'Bearer')
    const token = String(answer.json()['access_token'])
    assert.equal(decodeJwt(token)['cnf'], undefined)
    const used = await site.use('/protected', token)
    assertRefused(used, 'wrong_kind', site, { code: 'invalid_credential' })
    assert.match(String(used.headers['www-authenticate']), /^Bearer realm="postern", error="invalid_token"[^D]*$/)
    assert.equal(used.headers['dpop-nonce'], undefined)
  })

  test('DP-05 a token that was bound before is refused in every way', async (t) => {
    const before = await dpopSite(t)
    const { keys, origin } = before.gateway
    const token = await before.boundToken()
    const site = await dpopSite(t, { dpop: { mode: 'off' }, keys, publicUrl: origin })
    assertRefused(await site.use('/protected', token, { htu: `${origin}/protected` }), 'wrong_kind', site, {
      code: 'invalid_credential',
    })
    const bearer = await send(`${site.gateway.origin}/protected`, 'GET', { authorization: `Bearer ${token}` })
    assertRefused(bearer, 'bound_token', site, { code: 'invalid_credential' })
  })
})

describe('a nonce', () => {
  let site: DpopSite
  let token: string
  before(async () => {
    site = await startDpopSite({ dpop: { mode: 'optional' } })
    token = await site.boundToken()
  })
  after(() => site.close())

  test('DP-06 is asked for where there is none, and comes with the answer', async () => {
    const answer = await site.use('/protected', token, { nonce: undefined })
    assertRefused(answer, 'proof_nonce_due', site, { code: 'use_dpop_nonce' })
    assert.match(String(answer.headers['www-authenticate']), /^DPoP realm="postern", error="use_dpop_nonce", algs="/)
    assert.match(String(answer.headers['cache-control']), /no-store/)
    const nonce = String(answer.headers['dpop-nonce'])
    assert.equal((await site.use('/protected', token, { nonce })).status, 200)
    assert.equal((await site.use('/protected', token, { nonce })).status, 200)
  })

  test('DP-06 that is old, made up or of somebody else is no nonce', async () => {
    const nonce = await site.nonce()
    for (const one of ['', 'x', 'A'.repeat(27), `${nonce}A`])
      assertRefused(await site.use('/protected', token, { nonce: one }), 'proof_nonce_due', site, {
        code: 'use_dpop_nonce',
      })
    site.gateway.clock.advance(60_000)
    assertRefused(await site.use('/protected', token, { nonce }), 'proof_nonce_due', site, { code: 'use_dpop_nonce' })
  })

  test('DP-06 comes with a good answer as soon as there is a newer one, and no cache keeps that answer', async () => {
    site.backend.handle = (_request, response) => void response.setHeader('cache-control', 'max-age=60').end('ok')
    const nonce = await site.nonce()
    for (const path of ['/api/things', '/protected', '/_auth/session']) {
      const now = await site.use(path, token, { nonce })
      assert.deepEqual([now.status, now.headers['dpop-nonce']], [200, undefined], path)
      if (path === '/api/things') assert.equal(now.headers['cache-control'], 'private, max-age=60')
    }
    site.gateway.clock.advance(30_000)
    for (const path of ['/api/things', '/protected', '/_auth/session']) {
      const later = await site.use(path, token, { nonce })
      assert.equal(later.status, 200)
      assert.equal(later.headers['dpop-nonce'], await site.nonce(), path)
      assert.match(String(later.headers['cache-control']), /no-store/, path)
    }
  })

  test('DP-03 with a nonce iat may be off by 5 minutes, and no more', async () => {
    const at = site.gateway.clock()
    for (const [off, status] of [
      [-300, 200],
      [300, 200],
      [-301, 401],
      [301, 401],
    ] as const)
      assert.equal((await site.use('/protected', token, { at: at + off * 1000 })).status, status, String(off))
  })

  test('DP-07 a proof with a nonce is taken once, as long as the nonce is good', async () => {
    const dpop = await site.prove('/protected', { token })
    const again = () => send(`${site.gateway.origin}/protected`, 'GET', { authorization: `DPoP ${token}`, dpop })
    assert.equal((await again()).status, 200)
    site.gateway.clock.advance(29_000)
    assertRefused(await again(), 'proof_replayed', site)
  })

  test('DP-06 may be read, like the challenge, by a page that the route trusts', async (t) => {
    const page = 'https://pages.example.com'
    const listed = await dpopSite(t, {
      dpop: { mode: 'optional' },
      options: ({ origin: backend }) => ({
        routes: [
          { path: '/api/', backend, cors: [page] },
          { path: '/', backend, cors: [] },
        ],
      }),
    })
    const held = await listed.boundToken()
    const dpop = await listed.prove('/api/things', { token: held, nonce: undefined })
    const ask = (origin: string) =>
      send(`${listed.gateway.origin}/api/things`, 'GET', { authorization: `DPoP ${held}`, dpop, origin })
    const answer = await ask(page)
    assert.equal(answer.headers['access-control-expose-headers'], 'DPoP-Nonce, WWW-Authenticate')
    assert.equal(answer.status, 401)
    assert.equal((await ask('https://elsewhere.example')).headers['access-control-expose-headers'], undefined)
    const preflight = await send(`${listed.gateway.origin}/api/things`, 'OPTIONS', {
      origin: page,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,dpop',
    })
    assert.equal(preflight.headers['access-control-allow-headers'], 'authorization,dpop')
  })
})
