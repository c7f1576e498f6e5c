import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf, full, fullSecrets, loginOf, minimalUpstream, upstreamOf } from './samples.ts'

const json = (...segments: string[]) => ({ from: 'json', segments })
const twoHundreds = Array.from({ length: 100 }, (_, index) => 200 + index)

test('without fields the form asks for a user name and a password', () => {
  assert.deepEqual(upstreamOf({}).fields, [
    {
      name: 'username',
      label: 'User name',
      word: 'field.username',
      type: 'text',
      autocomplete: 'username',
      required: true,
    },
    {
      name: 'password',
      label: 'Password',
      word: 'field.password',
      type: 'password',
      autocomplete: 'current-password',
      required: true,
    },
  ])
})

test('success without a status is every 2xx, whatever else it asks for', () => {
  assert.deepEqual(upstreamOf({}).login.success.status, twoHundreds)
  const success = { body: [{ json: '/ok', equals: true }] }
  const { login } = upstreamOf({ login: { ...minimalUpstream.login, success } })
  assert.deepEqual(login.success.status, twoHundreds)
  assert.deepEqual(login.success.body, [{ segments: ['ok'], test: 'equals', value: true }])
})

test('a refusal without a status may have any', () => {
  const refusals = [{ text: { contains: 'locked' }, as: 'locked' }]
  assert.deepEqual(upstreamOf({ login: { ...minimalUpstream.login, refusals } }).login.refusals[0]?.status, [])
})

test('a logout that finds the token ended already is a success', () => {
  const { logout } = upstreamOf({ logout: { request: { path: '/logout' } } })
  assert.deepEqual(logout?.success.status, [...twoHundreds, 400, 401, 403, 404])
})

test('a body is compared with its JSON type kept, null among them', () => {
  const success = {
    body: [
      { json: '/a', equals: null },
      { json: '/b~1c~0d', equals: 0 },
      { json: '', exists: false },
    ],
  }
  assert.deepEqual(upstreamOf({ login: { ...minimalUpstream.login, success } }).login.success.body, [
    { segments: ['a'], test: 'equals', value: null },
    { segments: ['b/c~d'], test: 'equals', value: 0 },
    { segments: [], test: 'absent' },
  ])
})

test('header names are compared in lower case, cookie names as they are', () => {
  const success = { headers: [{ name: 'X-Ok', exists: true }], cookies: [{ name: 'SID', equals: 'a' }] }
  const login = { ...minimalUpstream.login, token: { header: 'X-Token', scheme: 'Bearer' }, success }
  const parsed = upstreamOf({ login }).login
  assert.deepEqual(parsed.token, { from: 'header', name: 'x-token', scheme: 'Bearer' })
  assert.equal(parsed.success.headers[0]?.name, 'x-ok')
  assert.equal(parsed.success.cookies[0]?.name, 'SID')
})

test('every way to tell an expiry', () => {
  const expiry = (options: unknown) => upstreamOf({ login: { ...minimalUpstream.login, expiry: options } }).login.expiry
  assert.deepEqual(upstreamOf({}).login.expiry, { from: 'unknown' })
  assert.deepEqual(expiry('never'), { from: 'never' })
  assert.deepEqual(expiry({ lifetime: '12h' }), { from: 'fixed', lifetime: 43_200_000 })
  assert.deepEqual(expiry({ cookieAge: 'SID' }), { from: 'cookie-age', name: 'SID' })
  assert.deepEqual(expiry({ json: '/in' }), { from: 'place', place: json('in'), unit: 'seconds', base: undefined })
  assert.deepEqual(expiry({ jwt: '/exp' }), {
    from: 'place',
    place: { from: 'jwt', segments: ['exp'] },
    unit: 'epoch',
    base: undefined,
  })
  assert.deepEqual(expiry({ header: 'X-Ends', unit: 'http-date' }), {
    from: 'place',
    place: { from: 'header', name: 'x-ends', scheme: undefined },
    unit: 'http-date',
    base: undefined,
  })
  assert.deepEqual(expiry({ json: '/in', base: { json: '/at' } }), {
    from: 'place',
    place: json('in'),
    unit: 'seconds',
    base: { place: json('at'), unit: 'epoch' },
  })
})

test('a token is shown as a Bearer token unless something else is said', () => {
  assert.deepEqual(upstreamOf({}).present.token, { as: 'header', name: 'Authorization', scheme: 'Bearer' })
  assert.deepEqual(upstreamOf({ present: { scheme: 'Token' } }).present.token, {
    as: 'header',
    name: 'Authorization',
    scheme: 'Token',
  })
  assert.deepEqual(upstreamOf({ present: { header: 'X-Token', scheme: null } }).present.token, {
    as: 'header',
    name: 'X-Token',
    scheme: undefined,
  })
  assert.deepEqual(upstreamOf({ present: { cookie: 'sid' } }).present.token, { as: 'cookie', name: 'sid' })
  assert.deepEqual(upstreamOf({ present: { none: true } }).present.token, { as: 'none' })
  const basic = { username: '{subject}', password: '{token}' }
  assert.deepEqual(upstreamOf({ present: { basic } }).present.token, { as: 'basic', ...basic })
})

test('what stands beside the token in HTTP Basic may be a value of the answer, or a subject that login tells', () => {
  const login = { ...minimalUpstream.login, values: { team: { json: '/team' } } }
  const profile = { request: { method: 'GET', path: '/me' }, subject: { json: '/id' } }
  upstreamOf({ login, present: { basic: { username: '{team}+{subject}', password: '{token}' } }, profile })
  const { subject: _, ...untold } = minimalUpstream.login
  const basic = { username: '{subject}', password: '{token}' }
  const shown = { ...profile, request: { ...profile.request, headers: { authorization: 'Token {token}' } } }
  assert.equal(upstreamOf({ login: untold, profile: shown, present: { basic } }).present.token.as, 'basic')
})

test('secrets are kept as secrets, whether they stand in a file, a variable or the configuration', () => {
  const sources = { readFile: (path: string) => `of ${path}\n`, env: (name: string) => `of ${name}` }
  const upstream = upstreamOf({ secrets: { a: { file: 'f' }, b: { env: 'E' }, c: 'text' } }, sources)
  assert.deepEqual(
    [...upstream.secrets].map(([name, secret]) => [name, secret.reveal()]),
    [
      ['a', 'of f'],
      ['b', 'of E'],
      ['c', 'text'],
    ],
  )
  assert.equal(JSON.stringify([...upstream.secrets.values()]), '["[secret]","[secret]","[secret]"]')
})

test('a refusal that is about a moment may be about everybody, and is not unless it says so', () => {
  const refusals = [
    { status: [403], as: 'rate_limited', everyone: true },
    { status: [429], as: 'rate_limited' },
  ]
  const { login } = upstreamOf({ login: { ...minimalUpstream.login, refusals } })
  assert.deepEqual(
    login.refusals.map(({ everyone }) => everyone),
    [true, false],
  )
})

test('failures of everybody together are bounded only where that is said', () => {
  assert.equal(upstreamOf({}).maxFailures, undefined)
  assert.deepEqual(upstreamOf({ maxFailures: '20/m' }).maxFailures, { count: 20, per: 60_000 })
})

test('a refusal that is about a moment may say how long that lasts', () => {
  const refusals = [{ status: [500], as: 'rate_limited', retryAfter: '10m' }]
  assert.equal(upstreamOf({ login: { ...minimalUpstream.login, refusals } }).login.refusals[0]?.retryAfter, 600_000)
  const check = { request: { path: '/me' }, refusals: [{ status: [409], as: 'unavailable', retryAfter: '1s' }] }
  assert.equal(upstreamOf({ check }).check?.refusals[0]?.retryAfter, 1000)
})

test('a second step takes its places from login where it has none of its own', () => {
  const login = {
    ...minimalUpstream.login,
    refreshToken: { json: '/refresh' },
    expiry: { json: '/in' },
    claims: { name: { json: '/name' } },
    values: { tenant: { json: '/tenant' } },
  }
  const request = { path: '/two', json: { code: '{code}', user: '{username}' } }
  const fields = [{ name: 'code', label: 'Code' }]
  const plain = upstreamOf({ login, secondStep: { fields, request } })
  const { secondStep } = plain
  for (const part of ['token', 'refreshToken', 'expiry', 'subject', 'claims', 'values'] as const) {
    assert.deepEqual(secondStep?.[part], plain.login[part], part)
  }
  assert.deepEqual(secondStep?.when, plain.login.success)
  const own = upstreamOf({
    login,
    secondStep: { fields, request, subject: { field: 'code' }, claims: {}, expiry: 'never' },
  }).secondStep
  assert.deepEqual(own?.subject, { from: 'field', name: 'code' })
  assert.deepEqual(own?.claims, new Map())
  assert.deepEqual(own?.expiry, { from: 'never' })
})

test('a second request that follows at once may carry the password, and the token may come with it', () => {
  const upstream = upstreamOf({
    login: { request: { method: 'GET', path: '/nonce' }, subject: { field: 'username' } },
    secondStep: {
      carry: { nonce: { header: 'X-Nonce' } },
      request: { path: '/login', form: { n: '{nonce}', u: '{username}', p: '{password}' } },
      token: { cookie: 'sid' },
    },
    present: { cookie: 'sid' },
  })
  assert.deepEqual(upstream.secondStep?.fields, [])
  assert.deepEqual(upstream.login.token, { from: 'cookie', name: 'sid', decode: false })
})

test('a refresh takes its places from login where it has none of its own', () => {
  const login = { ...minimalUpstream.login, refreshToken: { json: '/refresh' }, expiry: { json: '/in' } }
  const request = { path: '/refresh', json: { r: '{refreshToken}' } }
  const { refresh, login: parsed } = upstreamOf({ login, refresh: { request } })
  assert.deepEqual(
    [refresh?.token, refresh?.refreshToken, refresh?.expiry],
    [parsed.token, parsed.refreshToken, parsed.expiry],
  )
  assert.equal(refresh?.concurrent, false)
  assert.deepEqual(
    upstreamOf({ login, refresh: { request, token: { json: '/access' } } }).refresh?.token,
    json('access'),
  )
})

test('a refresh without a refresh token trades the token, which is then found where the token is', () => {
  const refresh = { request: { path: '/renew', headers: { Authorization: '{token}' } } }
  const { login, refresh: parsed } = upstreamOf({ refresh })
  assert.equal(parsed?.trades, 'token')
  assert.deepEqual([login.refreshToken, parsed.refreshToken], [login.token, login.token])
  const inTwo = upstreamOf({
    refresh: { ...refresh, token: { json: '/next' } },
    secondStep: { request: { path: '/two' }, token: { header: 'X-Token' } },
  })
  assert.deepEqual(inTwo.secondStep?.refreshToken, { from: 'header', name: 'x-token', scheme: undefined })
  assert.deepEqual(inTwo.refresh?.refreshToken, json('next'))
  const both = { ...minimalUpstream.login, refreshToken: { json: '/r' } }
  const request = { path: '/renew', json: { old: '{token}', r: '{refreshToken}' } }
  const usual = upstreamOf({ login: both, refresh: { request } })
  assert.equal(usual.refresh?.trades, 'refreshToken')
  assert.deepEqual(usual.login.refreshToken, json('r'))
})

test('a check compares the subject and reads the claims that the body of the login answer has', () => {
  const login = {
    ...minimalUpstream.login,
    claims: {
      name: { json: '/name' },
      roles: { jwt: '/roles' },
      login: { field: 'username' },
      team: { header: 'X-Team' },
    },
  }
  const check = { request: { method: 'GET', path: '/me' } }
  const parsed = upstreamOf({ login, check }).check
  assert.deepEqual(parsed?.subject, json('user', 'id'))
  assert.deepEqual(parsed?.claims, new Map([['name', json('name')]]))
  assert.equal(upstreamOf({ login: { ...login, subject: { jwt: '/sub' } }, check }).check?.subject, undefined)
  assert.deepEqual(upstreamOf({ login, check: { ...check, claims: {} } }).check?.claims, new Map())
})

test('without a check call the profile call is it', () => {
  const { login: described } = minimalUpstream
  const profile = {
    request: { method: 'GET', path: '/me' },
    success: { body: [{ json: '/id', exists: true }] },
    subject: { json: '/id' },
    claims: { name: { json: '/name' }, login: { field: 'username' } },
  }
  const upstream = upstreamOf({ login: { request: described.request, token: described.token }, profile })
  assert.deepEqual(upstream.check?.request, upstream.profile?.request)
  assert.deepEqual(upstream.check?.success, upstream.profile?.success)
  assert.deepEqual(upstream.check?.subject, json('id'))
  assert.deepEqual(upstream.check?.claims, new Map([['name', json('name')]]))
  assert.deepEqual(upstream.check?.refusals, [])
})

test('refusals of a profile call are those of the check that it is', () => {
  const profile = { request: { path: '/me' }, refusals: [{ status: [404], as: 'refused' }] }
  assert.deepEqual(
    upstreamOf({ profile }).check?.refusals.map(({ status, as }) => [status, as]),
    [[[404], 'refused']],
  )
})

test('an answer to a check is not taken for one where a place that was named for it finds nothing', () => {
  const request = { method: 'GET', path: '/me' }
  const of = (options: object) => {
    const { check } = upstreamOf(options)
    return [check?.subjectRequired, check?.jsonRequired]
  }
  assert.deepEqual(of({ check: { request } }), [false, true])
  assert.deepEqual(of({ check: { request, subject: { json: '/id' } } }), [true, true])
  assert.deepEqual(of({ check: { request, subject: { header: 'X-Id' }, claims: {} } }), [true, false])
  assert.deepEqual(of({ check: { request, subject: { header: 'X-Id' }, claims: { a: { json: '/a' } } } }), [true, true])
  assert.deepEqual(of({ profile: { request, subject: { json: '/id' } } }), [true, true])
  assert.deepEqual(of({ profile: { request, claims: { login: { field: 'username' } } } }), [false, false])
  const inCookie = { ...minimalUpstream.login, subject: { cookie: 'id' } }
  assert.deepEqual(of({ login: inCookie, check: { request } }), [false, false])
  const success = { text: { equals: 'valid' } }
  assert.deepEqual(of({ check: { request, success } }), [false, false])
  assert.deepEqual(of({ check: { request, success, claims: { name: { json: '/name' } } } }), [false, true])
})

test('a body is kept as it is written, and forms in their order', () => {
  const config = configOf(full, fullSecrets)
  assert.deepEqual(loginOf(config, 'accounts').login.request.body, {
    kind: 'json',
    value: full.upstreams.accounts.login.request.json,
  })
  assert.deepEqual(loginOf(config, 'members').login.request.body, {
    kind: 'form',
    value: new Map([
      ['email', '{username}'],
      ['password', '{password}'],
    ]),
  })
})
