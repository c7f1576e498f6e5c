import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint, CompactSign, exportSPKI, SignJWT } from 'jose'
import { toSeconds } from '../../src/base/clock.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import { createMinter } from '../../src/token/mint.ts'
import { createVerifier } from '../../src/token/verify.ts'
import { fakeClock, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const names = {
  issuer: 'https://app.example.com',
  audience: { session: 'https://app.example.com/_auth', access: 'https://api.example.com' },
}
const clock = fakeClock()
const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
const minter = createMinter(ring, names)
const session = createVerifier('session', ring, names, clock)
const access = createVerifier('access', ring, names, clock)
const key = ring.signingKey()

const now = () => toSeconds(clock())
const values = () => ({
  sub: 'accounts|42',
  iat: now(),
  exp: now() + 300,
  sid: 'sid-1',
  auth_time: now(),
  idle_at: now() + 1800,
  upn: 'accounts',
})
const payload = (): Record<string, unknown> => ({
  v: 1,
  iss: names.issuer,
  aud: names.audience.session,
  client_id: 'postern',
  jti: 'jti-1',
  nbf: now(),
  ...values(),
})
const sign = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'postern-session+jwt', ...header })
    .sign(key.privateKey)
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const reasonOf = async (token: string, verifier = session) => {
  const result = await verifier.verify(token)
  return result.state === 'refused' ? result.reason : result.state
}

test('a minted session token verifies, profile claims apart from our own', async () => {
  const { token } = await minter.mint('session', values(), { name: 'Ada', roles: ['admin'] })
  const result = await session.verify(token)
  assert.equal(result.state, 'valid')
  assert.ok(result.state === 'valid')
  assert.equal(result.claims.sub, 'accounts|42')
  assert.deepEqual(result.claims.profile, { name: 'Ada', roles: ['admin'] })
  assert.ok(Object.isFrozen(result.claims))
})

test('TM-02 no two tokens share a jti, and it holds 128 bits', async () => {
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () => (await minter.mint('session', values(), {})).claims.jti),
  )
  assert.equal(new Set(ids).size, 50)
  assert.equal(Buffer.from(ids[0] ?? '', 'base64url').length, 16)
})

test('TM-06 a profile claim never stands in for one of ours', async () => {
  const { token } = await minter.mint('session', values(), { sub: 'evil', exp: 9e9, iss: 'x' })
  const result = await session.verify(token)
  assert.ok(result.state === 'valid')
  assert.equal(result.claims.sub, 'accounts|42')
  assert.deepEqual(result.claims.profile, {})
})

test('TV-01 alg none, HMAC with the public key and a swapped algorithm are refused', async () => {
  const body = encode(payload())
  const pem = await exportSPKI(key.publicKey)
  const hmac = (secret: string) => {
    const head = encode({ alg: 'HS256', kid: key.kid, typ: 'postern-session+jwt' })
    return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`
  }
  for (const alg of ['none', 'nOnE', undefined]) {
    const head = encode({ alg, kid: key.kid, typ: 'postern-session+jwt' })
    assert.equal(await reasonOf(`${head}.${body}.`), 'malformed')
    assert.equal(await reasonOf(`${head}.${body}.AA`), 'bad_header')
  }
  assert.equal(await reasonOf(hmac(pem)), 'bad_header')
  assert.equal(await reasonOf(hmac(JSON.stringify(key.publicJwk))), 'bad_header')
})

for (const [name, header] of Object.entries({
  'TV-03 jwk': { jwk: { kty: 'EC' } },
  'TV-03 jku': { jku: 'https://evil.example/jwks' },
  'TV-03 x5c': { x5c: ['AA'] },
  'TV-06 crit': { crit: ['x'], x: 1 },
  'DS-02 zip': { zip: 'DEF' },
})) {
  test(`${name} in the header of a token with a good signature is refused`, async () => {
    const head = encode({ alg: key.alg, kid: key.kid, typ: 'postern-session+jwt', ...header })
    const good = await sign(payload())
    assert.equal(await reasonOf(`${head}.${good.split('.').slice(1).join('.')}`), 'bad_header')
  })
}

for (const kid of ['../../dev/null', "a' OR 1", '__proto__', 'x'.repeat(4000)]) {
  test(`TV-04 the key id ${kid.slice(0, 20)} is unknown`, async () => {
    assert.equal(await reasonOf(`${encode({ alg: key.alg, kid, typ: 'postern-session+jwt' })}.e30.AA`), 'unknown_kid')
  })
}

test('TV-05 a token without key id is refused', async () => {
  assert.equal(await reasonOf(await sign(payload(), { kid: undefined })), 'bad_header')
})

for (const name of [
  'v',
  'iss',
  'sub',
  'aud',
  'client_id',
  'iat',
  'nbf',
  'exp',
  'jti',
  'sid',
  'auth_time',
  'idle_at',
  'upn',
]) {
  test(`TV-07 a signed token without ${name}, or with an object for it, is refused`, async () => {
    const { [name]: _, ...rest } = payload()
    assert.equal(await reasonOf(await sign(rest)), 'bad_claims')
    assert.equal(
      await reasonOf(await sign({ ...rest, [name]: {} } as Record<string, unknown>)).catch(() => 'bad_claims'),
      'bad_claims',
    )
  })
}

test('a token may be bound to one key, named by its thumbprint and by nothing else', async () => {
  const jkt = await calculateJwkThumbprint(key.publicJwk)
  const bound = (cnf: unknown) => sign({ ...payload(), cnf } as Record<string, unknown>)
  const verified = await session.verify(await bound({ jkt }))
  assert.ok(verified.state === 'valid')
  assert.deepEqual(verified.claims.cnf, { jkt })
  const others = [
    {},
    { jkt: 'x' },
    { jkt: `${jkt}A` },
    { jkt: `${jkt.slice(0, 42)}B` },
    { jkt, kid: 'a' },
    { jkt: [jkt] },
  ]
  for (const cnf of [...others, null, jkt, [jkt], { jku: jkt }, { 'x5t#S256': jkt }])
    assert.equal(await reasonOf(await bound(cnf)), 'bad_claims', JSON.stringify(cnf))
})

test('TV-08 times out of bounds are refused', async () => {
  assert.equal(await reasonOf(await sign({ ...payload(), nbf: now() + 61 })), 'not_yet_valid')
  assert.equal(await reasonOf(await sign({ ...payload(), iat: now() + 61, exp: now() + 300 })), 'not_yet_valid')
  assert.equal(await reasonOf(await sign({ ...payload(), exp: now() + 366 * 86_400 })), 'bad_claims')
  assert.equal(
    await reasonOf(await sign({ ...payload(), iat: now() - 400, auth_time: now() - 400, exp: now() })),
    'expired',
  )
})

test('TV-08 nobody signs in after the token was made, by whatever the clocks of two processes differ', async () => {
  assert.equal(await reasonOf(await sign({ ...payload(), auth_time: now() + 60 })), 'valid')
  assert.equal(await reasonOf(await sign({ ...payload(), auth_time: now() + 61 })), 'bad_claims')
})

test('KR-04 a key that is withdrawn while a signature is looked at is one that is withdrawn', async () => {
  const keys = createKeyRing(await freshKeys(clock()), minutes(31), clock)
  const { token } = await createMinter(keys, names).mint('session', values(), {})
  const verifier = createVerifier('session', keys, names, clock)
  const before = verifier.verify(token)
  keys.replace(await freshKeys(clock()))
  const result = await before
  assert.deepEqual(result, { state: 'refused', reason: 'unknown_kid' })
})

test('TV-08 each time is good up to its bound, and no further', async () => {
  const at = (claims: Record<string, unknown>) => sign({ ...payload(), ...claims }).then((token) => reasonOf(token))
  assert.equal(await at({ nbf: now() + 60 }), 'valid')
  assert.equal(await at({ iat: now() + 60 }), 'valid')
  assert.equal(await at({ iat: now() + 61, exp: now() + 300 }), 'not_yet_valid')
  assert.equal(await at({ exp: now() + 1 }), 'valid')
  assert.equal(await at({ exp: now() + 86_400 }), 'valid')
  assert.equal(await at({ exp: now() + 86_401 }), 'bad_claims')
  assert.equal(await at({ iat: now() - 9, exp: now() - 9 }), 'bad_claims')
  assert.equal(await at({ auth_time: 0 }), 'valid')
  for (const auth_time of [-1, 1.5, 2 ** 53, '0', null]) assert.equal(await at({ auth_time }), 'bad_claims')
})

test('a version that this release does not know is refused', async () => {
  for (const v of [0, 2]) assert.equal(await reasonOf(await sign({ ...payload(), v })), 'unknown_version')
})

test('TV-07 a claim of ours that may be absent is refused with the wrong type', async () => {
  for (const name of ['upt', 'ups']) {
    assert.equal(await reasonOf(await sign({ ...payload(), [name]: 'x' })), 'valid')
    for (const value of [7, null, ['x'], {}])
      assert.equal(await reasonOf(await sign({ ...payload(), [name]: value })), 'bad_claims', name)
  }
})

test('TV-07 a scope is words with single spaces between', async () => {
  const scoped = async (scope: unknown) => reasonOf(await sign({ ...payload(), scope }))
  for (const scope of ['read', 'r', 'read write', 'read:all a b/c!']) assert.equal(await scoped(scope), 'valid', scope)
  for (const scope of ['', ' read', 'read ', 'read  write', 'a"b', 'a\\b', 'a\u00e9', '\u00e9 a', 7, null, ['read']])
    assert.equal(await scoped(scope), 'bad_claims', String(scope))
})

test('TV-07 a claim of the upstream is a text, a number, a truth value or a list of these', async () => {
  for (const value of ['x', '', 7, true, false, [], ['x', 7, true]])
    assert.equal(await reasonOf(await sign({ ...payload(), other: value })), 'valid', JSON.stringify(value))
  for (const value of [null, {}, [null], ['x', {}], [['x']]])
    assert.equal(await reasonOf(await sign({ ...payload(), other: value })), 'bad_claims', JSON.stringify(value))
})

test('TV-10 what a client holds has no idle end: that is a session’s', async () => {
  const { idle_at, ...rest } = payload()
  const client = { ...rest, aud: names.audience.access }
  assert.equal(await reasonOf(await sign(client, { typ: 'at+jwt' }), access), 'valid')
  assert.equal(await reasonOf(await sign({ ...client, idle_at }, { typ: 'at+jwt' }), access), 'bad_claims')
})

test('TV-12 a header or a payload that is no JSON object is refused', async () => {
  for (const header of ['null', '[]', '"x"', '7', '{', ''].map((text) => Buffer.from(text).toString('base64url')))
    assert.equal(await reasonOf(`${header || 'A'}.e30.AA`), 'malformed', header)
  const header = { alg: key.alg, kid: key.kid, typ: 'postern-session+jwt' }
  for (const text of ['null', '[]', '"x"', '{']) {
    const token = await new CompactSign(Buffer.from(text)).setProtectedHeader(header).sign(key.privateKey)
    assert.equal(await reasonOf(token), 'bad_claims', text)
  }
})

test('TV-21 a signature that is not good is told as such, and counts for nothing', async () => {
  const good = await sign(payload())
  const before = key.tally.accepted
  const other = await sign({ ...payload(), sub: 'accounts|43' })
  assert.equal(
    await reasonOf(good.slice(0, good.lastIndexOf('.')) + other.slice(other.lastIndexOf('.'))),
    'bad_signature',
  )
  assert.equal(key.tally.accepted, before)
  assert.equal(await reasonOf(good), 'valid')
  assert.deepEqual(key.tally, { accepted: before + 1, lastAccepted: clock() })
})

for (const iss of ['https://app.example.com/', 'https://APP.example.com', 'https://app.example.com.evil.example']) {
  test(`TV-09 the issuer ${iss} is not ours`, async () => {
    assert.equal(await reasonOf(await sign({ ...payload(), iss })), 'wrong_issuer')
  })
}

test('TV-10 TV-11 a kind is never accepted where another is due', async () => {
  const { idle_at: _, ...rest } = values()
  const browser = (await minter.mint('session', values(), {})).token
  const client = (await minter.mint('access', rest, {})).token
  assert.equal(await reasonOf(browser, session), 'valid')
  assert.equal(await reasonOf(client, access), 'valid')
  assert.equal(await reasonOf(browser, access), 'wrong_kind')
  assert.equal(await reasonOf(client, session), 'wrong_kind')
  assert.equal(await reasonOf(await sign({ ...payload(), aud: names.audience.access })), 'wrong_audience')
})

test('TV-12 only the compact form is read', async () => {
  const good = await sign(payload())
  for (const bad of [
    `${good} `,
    ` ${good}`,
    `${good}=`,
    good.replace('.', '..'),
    `${good}.AA.AA`,
    JSON.stringify({ payload: good }),
    '',
    '.',
  ]) {
    assert.equal(await reasonOf(bad), 'malformed')
  }
})

test('DS-01 a string of 15 kB is refused before it is parsed', async () => {
  assert.equal(await reasonOf('.'.repeat(15_000)), 'credential_too_large')
  assert.equal(await reasonOf('.'.repeat(8193)), 'credential_too_large')
  assert.equal(await reasonOf('.'.repeat(8192)), 'malformed')
})

test('a one-character change anywhere in the header or payload is refused', async () => {
  const good = await sign(payload())
  const end = good.lastIndexOf('.')
  await fc.assert(
    fc.asyncProperty(fc.nat(end - 1), fc.constantFrom('A', 'B', '-', '9'), async (index, letter) => {
      if (good[index] === letter || good[index] === '.') return
      const result = await session.verify(good.slice(0, index) + letter + good.slice(index + 1))
      assert.equal(result.state, 'refused')
    }),
    { numRuns: 100 },
  )
})

test('whoever asks hears why a token did not verify, and which of our keys it names', async () => {
  const heard: unknown[] = []
  const verifier = createVerifier('session', ring, names, clock, (...one) => void heard.push(one))
  const good = await sign(payload())
  const other = await sign({ ...payload(), sub: 'accounts|43' })
  for (const [token, reason, kid] of [
    ['no token', 'malformed', undefined],
    [await sign(payload(), { kid: 'x' }), 'unknown_kid', undefined],
    [await sign(payload(), { typ: 'at+jwt' }), 'wrong_kind', key.kid],
    [await sign(payload(), { cty: 'x' }), 'bad_header', key.kid],
    [good.slice(0, good.lastIndexOf('.')) + other.slice(other.lastIndexOf('.')), 'bad_signature', key.kid],
    [await sign({ ...payload(), v: 2 }), 'unknown_version', key.kid],
    [await sign({ ...payload(), iat: now() - 400, auth_time: now() - 400, exp: now() }), 'expired', key.kid],
  ] as const) {
    await verifier.verify(token)
    assert.deepEqual(heard.splice(0), [[reason, kid]])
  }
  assert.equal((await verifier.verify(good)).state, 'valid')
  assert.deepEqual(heard, [])
})

test('verify never throws on any string', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' })), async (text) => {
      assert.equal((await session.verify(text)).state, 'refused')
    }),
    { numRuns: 300 },
  )
})

test('KR-04 a token of a removed key is refused at once', async () => {
  const ownClock = fakeClock()
  const ownRing = createKeyRing(await freshKeys(ownClock()), minutes(31), ownClock)
  const { token } = await createMinter(ownRing, names).mint('session', { ...values() }, {})
  const verifier = createVerifier('session', ownRing, names, ownClock)
  assert.equal((await verifier.verify(token)).state, 'valid')
  ownRing.replace(await freshKeys(ownClock()))
  assert.deepEqual(await verifier.verify(token), { state: 'refused', reason: 'unknown_kid' })
  ownClock.advance(seconds(1))
})
