import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { send, type Answer } from '../support/browser-client.ts'
import {
  accessTokenType,
  apiAudience,
  basic,
  exchangeGrant,
  reportsSecret,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'
import { assertOAuthError } from './refusal.ts'

const elsewhere = 'https://other.example.com/api'

describe('what a client gets is at most what it may have', () => {
  let site: ExchangeSite
  let token: string
  before(async () => {
    site = await startExchangeSite({
      routes(app, postern) {
        app.get('/read', { preHandler: postern.requireAuth({ scope: 'read' }) }, async (request) => {
          const { clientId, scopes } = postern.auth(request)
          return { clientId, scopes }
        })
        app.get('/admin-scope', { preHandler: postern.requireAuth({ scope: ['admin', 'owner'] }) }, async () => 'in')
        app.get('/both', { preHandler: postern.requireAuth({ scope: ['write'], roles: 'admin' }) }, async () => 'in')
      },
    })
    token = await site.serviceToken()
  })
  after(() => site.close())

  const trade = (more: Record<string, string> | [string, string][] = {}, subject_token = token) =>
    site.token(
      [
        ...Object.entries({ grant_type: exchangeGrant, subject_token, subject_token_type: accessTokenType }),
        ...(Array.isArray(more) ? more : Object.entries(more)),
      ],
      basic('reports', reportsSecret),
    )
  const claimsOf = (answer: Answer) => decodeJwt(String(answer.json()['access_token']))
  const open = (answer: Answer, path: string) =>
    send(`${site.gateway.origin}${path}`, 'GET', { authorization: `Bearer ${String(answer.json()['access_token'])}` })

  test('TM-03 has one audience: the one asked for, by either name, or that of the API', async () => {
    assert.equal(claimsOf(await trade()).aud, apiAudience)
    assert.equal(claimsOf(await trade({ audience: elsewhere })).aud, elsewhere)
    assert.equal(claimsOf(await trade({ resource: elsewhere })).aud, elsewhere)
    assert.equal(claimsOf(await trade({ resource: elsewhere, audience: elsewhere })).aud, elsewhere)
    assert.equal(
      claimsOf(
        await trade([
          ['audience', elsewhere],
          ['audience', elsewhere],
        ]),
      ).aud,
      elsewhere,
    )
  })

  const targets = [
    'evil',
    'http://169.254.169.254/',
    'https://other.example.com',
    `${elsewhere}/`,
    `${elsewhere}/more`,
    `${elsewhere}?x=1`,
    `${elsewhere}#x`,
    'HTTPS://other.example.com/api',
    'https://OTHER.example.com/api',
    'https://other.example.com:443/api',
    'https://user@other.example.com/api',
    'https://other.example.com.evil.example/api',
    'https://evil-other.example.com/api',
    'https://other.example.com/%61pi',
    'https://other.example.com/x/../api',
    ` ${elsewhere}`,
    '//other.example.com/api',
    '/api',
    'https://api.example.com/',
    'ISSUER',
    'ISSUER/_auth',
  ]
  for (const target of targets) {
    for (const name of ['audience', 'resource']) {
      test(`TM-03 RD-06 ${name}=${target} is refused`, async () => {
        const { check } = site.gateway.service.calls
        const asked = { [name]: target.replace('ISSUER', site.gateway.origin) }
        assertOAuthError(site, await trade(asked), { error: 'invalid_target', reason: 'invalid_target' }, [token])
        assert.equal(site.gateway.service.calls.check, check)
      })
    }
  }

  test('TM-03 two different audiences are refused, each allowed or not', async () => {
    for (const pairs of [
      [
        ['audience', apiAudience],
        ['audience', elsewhere],
      ],
      [
        ['audience', apiAudience],
        ['resource', elsewhere],
      ],
      [
        ['resource', elsewhere],
        ['resource', 'https://evil.example'],
      ],
    ] as [string, string][][])
      assertOAuthError(site, await trade(pairs), { error: 'invalid_target' })
  })

  test('TV-10 for another audience opens none of our routes and wraps nothing', async () => {
    const answer = await trade({ audience: elsewhere })
    assert.equal(claimsOf(answer)['upt'], undefined)
    assert.equal((await open(answer, '/protected')).status, 401)
    assert.equal((await open(answer, '/_auth/session')).status, 401)
    assert.equal((await open(answer, '/things')).status, 401)
    const refused = site.gateway.events.findLast(({ type }) => type === 'refused')
    assert.ok(refused?.type === 'refused' && refused.reason === 'wrong_audience')
  })

  test('TM-08 scopes are those asked for, in the order of the configuration, or all', async () => {
    assert.equal(claimsOf(await trade())['scope'], 'read write')
    assert.equal(claimsOf(await trade({ scope: 'read' }))['scope'], 'read')
    const both = await trade({ scope: 'write read write' })
    assert.deepEqual([claimsOf(both)['scope'], both.json()['scope']], ['read write', 'read write'])
  })

  for (const scope of [
    'admin',
    'read admin',
    'READ',
    'read  write',
    ' read',
    'read ',
    'read,write',
    'read\twrite',
    'rea',
    'read"',
    '*',
    '__proto__',
  ]) {
    test(`TM-08 scope ${JSON.stringify(scope)} is refused`, async () => {
      const { check } = site.gateway.service.calls
      assertOAuthError(site, await trade({ scope }), { error: 'invalid_scope', reason: 'invalid_scope' }, [token])
      assert.equal(site.gateway.service.calls.check, check)
    })
  }

  test('TM-08 a scope of the token that was brought bounds what is granted', async () => {
    const signed = (scope: string | undefined) => site.issuer.sign({ scope })
    const ask = async (of: string | undefined, scope = '') =>
      site.trade(await signed(of), { upstream: 'signed', scope })
    assert.equal(claimsOf(await ask('read openid'))['scope'], 'read')
    assert.equal(claimsOf(await ask('read write', 'write'))['scope'], 'write')
    assert.equal(claimsOf(await ask(undefined))['scope'], 'read write')
    assertOAuthError(site, await ask('read', 'write'), { error: 'invalid_scope' })
    assertOAuthError(site, await ask('', 'read'), { error: 'invalid_scope' })
    for (const scp of ['read', ['read']]) {
      const brought = await site.issuer.sign({ scp })
      assert.equal(claimsOf(await site.trade(brought, { upstream: 'signed' }))['scope'], 'read')
      assertOAuthError(site, await site.trade(brought, { upstream: 'signed', scope: 'write' }), {
        error: 'invalid_scope',
      })
    }
    assertOAuthError(site, await site.trade(await site.issuer.sign({ scp: [1] }), { upstream: 'signed' }), {
      error: 'invalid_request',
    })
    const none = await ask('openid')
    assert.deepEqual([claimsOf(none)['scope'], none.json()['scope']], [undefined, undefined])
  })

  test('TV-18 a route that requires a scope lets in who was granted it, and nobody else', async () => {
    const read = await trade({ scope: 'read' })
    assert.deepEqual((await open(read, '/read')).json(), { clientId: 'reports', scopes: ['read'] })
    assert.equal((await open(await trade({ scope: 'write' }), '/read')).status, 403)
    assert.equal((await open(read, '/admin-scope')).status, 403)
    assert.equal((await open(await trade(), '/both')).status, 403)
    const ada = await trade({ scope: 'write' }, await site.serviceToken('ada'))
    assert.equal((await open(ada, '/both')).status, 200)
    const signIn = await send(
      `${site.gateway.origin}/_auth/login`,
      'POST',
      { 'content-type': 'application/json' },
      JSON.stringify({ username: 'ada', password: 'password123', upstream: 'accounts' }),
    )
    assert.equal((await open(signIn, '/protected')).status, 200)
    assert.equal((await open(signIn, '/read')).status, 403)
  })

  test('TM-07 lives no longer than an access token of a sign-in', async () => {
    const signed = await site.trade(await site.issuer.sign({ exp: 4_000_000_000 }), { upstream: 'signed' })
    assert.equal(signed.json()['expires_in'], 600)
  })

  test('a client may bring tokens of its own upstreams only', async () => {
    for (const upstream of ['signed', 'opaque'])
      assertOAuthError(site, await trade({ upstream }, await site.issuer.sign()), {
        error: 'invalid_request',
        reason: 'bad_request',
      })
  })
})

describe('a cut-off in the revocations file', () => {
  test('LO-04 refuses what was made before it, and takes what was made after it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-cut-off-'))
    const file = join(folder, 'revocations.yaml')
    const cutOff = Math.floor(Date.now() / 1000) - 100
    writeFileSync(file, `subjects: { "signed|42": ${new Date(cutOff * 1000).toISOString()} }\n`)
    const site = await startExchangeSite({ options: () => ({ revocations: { file } }) })
    try {
      const trade = async (iat: number | undefined, sub = '42') =>
        site.trade(await site.issuer.sign({ iat, sub }), { upstream: 'signed' })
      assertOAuthError(site, await trade(cutOff - 1), { error: 'invalid_request', reason: 'revoked_subject_token' })
      assertOAuthError(site, await trade(cutOff), { error: 'invalid_request', reason: 'revoked_subject_token' })
      assert.equal((await trade(cutOff + 1)).status, 200)
      assert.equal((await trade(cutOff - 1, '43')).status, 200)
    } finally {
      await site.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
