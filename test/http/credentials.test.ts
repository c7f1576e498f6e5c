import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertProblem, lastReason } from '../contract/refusal.ts'
import { bearerToken, BrowserClient, formPost, send } from '../support/browser-client.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { exchange } from '../wire/raw.ts'

let gateway: Gateway
let token: string
let cookie: string
before(async () => {
  gateway = await startGateway()
  token = await bearerToken(gateway.origin, 'john')
  const client = new BrowserClient(gateway.origin)
  await client.signIn('ada')
  cookie = client.cookieHeader()['cookie'] ?? ''
})
after(() => gateway.close())

const ask = (headers: Readonly<Record<string, string>>, path = '/protected') =>
  send(`${gateway.origin}${path}`, 'GET', headers)

describe('TV-16 a Bearer token', () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
    test(`is taken from Authorization as ${scheme}`, async () => {
      assert.equal((await ask({ authorization: `${scheme} ${token}` })).json()['subject'], 'accounts|1')
    })
  }

  for (const name of ['access_token', 'token', 'jwt', 'authorization', 'bearer']) {
    test(`is not taken from the query as ${name}`, async () => {
      assertProblem(gateway, await ask({}, `/protected?${name}=${token}`), {
        code: 'unauthenticated',
        reason: 'missing',
      })
    })
    test(`is not taken from a body as ${name}`, async () => {
      const json = { 'content-type': 'application/json' }
      const answer = await send(`${gateway.origin}/protected`, 'POST', json, JSON.stringify({ [name]: token }))
      assertProblem(gateway, answer, { code: 'unauthenticated', reason: 'missing' })
      const form = await send(`${gateway.origin}/_auth/renew`, 'POST', formPost, `${name}=${token}`)
      assertProblem(gateway, form, { code: 'unauthenticated', reason: 'missing' })
    })
  }

  for (const name of [
    'x-authorization',
    'proxy-authorization',
    'x-access-token',
    'x-forwarded-authorization',
    'x-auth-token',
  ]) {
    test(`is not taken from ${name}`, async () => {
      assertProblem(gateway, await ask({ [name]: `Bearer ${token}` }), { code: 'unauthenticated' })
    })
  }

  test('in another scheme is no credential of ours', async () => {
    for (const authorization of [
      `Basic ${token}`,
      `Token ${token}`,
      token,
      `Bearer:${token}`,
      `Bearer,${token}`,
      `Negotiate ${token}`,
    ]) {
      assertProblem(gateway, await ask({ authorization }), { code: 'unauthenticated' })
    }
    assert.equal(
      (await ask({ authorization: 'Basic am9objpwYXNzd29yZDEyMw==', cookie })).json()['subject'],
      'accounts|2',
    )
  })

  test('EH-02 that makes no sense is refused and nothing breaks', async () => {
    const values = [
      'Bearer',
      'Bearer ',
      'Bearer %',
      'Bearer %zz',
      'Bearer .',
      'Bearer ..',
      'Bearer a.b.c',
      `Bearer ${token}x`,
      `Bearer ${token} `,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      'Bearer null',
      `Bearer ${'.'.repeat(12_000)}`,
      'DPoP',
      `DPoP ${token}`,
    ]
    for (const authorization of values) {
      // A trailing space is taken off by HTTP itself (RFC 9110 section 5.5).
      const accepted = authorization === `Bearer ${token} `
      const answer = await ask({ authorization })
      if (accepted) assert.equal(answer.status, 200)
      else assertProblem(gateway, answer, { code: 'invalid_credential' })
    }
  })
})

describe('TV-17 two credentials on one request are 400, whatever they are worth', () => {
  const both = (lines: readonly string[]) =>
    exchange(gateway, `GET /protected HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n`)

  for (const [what, lines] of [
    ['a good token and a good cookie', () => [`Authorization: Bearer ${token}`, `Cookie: ${cookie}`]],
    ['a good token twice', () => [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]],
    ['a bad token before a good one', () => ['Authorization: Bearer evil', `Authorization: Bearer ${token}`]],
    ['a good token before a bad one', () => [`Authorization: Bearer ${token}`, 'authorization: Bearer evil']],
    ['a token beside Basic', () => [`Authorization: Bearer ${token}`, 'Authorization: Basic YTpi']],
    ['TV-19 a bad token and a good cookie', () => ['Authorization: Bearer evil', `Cookie: ${cookie}`]],
    ['TV-19 a good token and a bad cookie', () => [`Authorization: Bearer ${token}`, 'Cookie: postern=evil']],
    ['an empty token and a good cookie', () => ['Authorization: Bearer', `Cookie: ${cookie}`]],
    ['DPoP and a good cookie', () => [`Authorization: DPoP ${token}`, `Cookie: ${cookie}`]],
    ['two good cookies on two lines', () => [`Cookie: ${cookie}`, `Cookie: ${cookie}`]],
  ] as const) {
    test(what, async () => {
      const answer = await both(lines())
      assert.equal(answer.status, 400)
      assert.match(answer.head, /content-type: application\/problem\+json/i)
      assert.match(answer.body, /"code":"bad_request"/)
      assert.doesNotMatch(answer.text, /set-cookie|eyJ/i)
      assert.equal(lastReason(gateway), 'duplicate_credentials')
    })
  }
})

describe('TV-18 TV-19 what is told about a credential', () => {
  test('nothing sent: no error is named', async () => {
    assert.equal((await ask({})).headers['www-authenticate'], 'Bearer realm="postern"')
  })

  test('EH-03 whatever is wrong with a token, the answer is the same', async () => {
    const [head = '', payload = '', signature = ''] = token.split('.')
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = [
      `${head}.${payload}.${signature.slice(0, -4)}AAAA`,
      `${head}.${encode({ sub: 'accounts|2' })}.${signature}`,
      `${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
      `${encode({ alg: 'ES256', kid: 'nobody', typ: 'at+jwt' })}.${payload}.${signature}`,
      cookie.slice(cookie.indexOf('=') + 1),
      'garbage',
    ]
    const answers = await Promise.all(forged.map((one) => ask({ authorization: `Bearer ${one}` })))
    const seen = answers.map((answer) => {
      assertProblem(gateway, answer, { code: 'invalid_credential' })
      return JSON.stringify([answer.headers['www-authenticate'], { ...answer.json(), request_id: '' }])
    })
    assert.equal(new Set(seen).size, 1)
    assert.equal(answers[0]?.headers['www-authenticate'], 'Bearer realm="postern", error="invalid_token"')
    // Inside, each has its own reason.
    const reasons = new Set(gateway.events.flatMap((event) => (event.type === 'refused' ? [event.reason] : [])))
    for (const reason of ['bad_signature', 'unknown_kid', 'wrong_kind', 'malformed'] as const)
      assert.ok(reasons.has(reason), reason)
  })

  test('TV-19 a bad credential never falls through to anonymous, not even where anyone may come', async () => {
    assert.deepEqual((await ask({}, '/')).json(), { signedIn: null })
    assertProblem(gateway, await ask({ authorization: 'Bearer evil' }, '/'), { code: 'invalid_credential' })
    assertProblem(gateway, await ask({ cookie: 'postern=evil' }, '/'), { code: 'invalid_credential' })
    assertProblem(gateway, await ask({ authorization: 'Bearer evil', cookie }, '/'), { code: 'bad_request' })
  })
})
