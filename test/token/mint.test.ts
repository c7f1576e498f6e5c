import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { toSeconds } from '../../src/base/clock.ts'
import { createKeyRing } from '../../src/keys/ring.ts'
import type { TokenClaims } from '../../src/token/claims.ts'
import { createMinter } from '../../src/token/mint.ts'
import { fakeClock, minutes } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'

const names = {
  issuer: 'https://app.example.com',
  audience: { session: 'https://app.example.com/_auth', access: 'https://api.example.com' },
}
const clock = fakeClock()
const ring = createKeyRing(await freshKeys(clock()), minutes(31), clock)
const minter = createMinter(ring, names)
const key = ring.signingKey()
const iat = toSeconds(clock())
const values = { sub: 'accounts|42', iat, exp: iat + 300, sid: 'sid-1', auth_time: iat - 9, upn: 'accounts' }

test('TM-01 TM-02 a token says all that it has to, and what it wraps only where there is something', async () => {
  const { token, kid, claims } = await minter.mint('access', values, { name: 'Ada' })
  assert.equal(kid, key.kid)
  assert.deepEqual(decodeProtectedHeader(token), { alg: key.alg, kid, typ: 'at+jwt' })
  const { jti, ...rest } = decodeJwt(token)
  assert.equal(typeof jti, 'string')
  assert.deepEqual(rest, {
    v: 1,
    iss: names.issuer,
    aud: names.audience.access,
    client_id: 'postern',
    nbf: iat,
    ...values,
    name: 'Ada',
  })
  const { name, ...registered } = decodeJwt(token)
  assert.deepEqual(claims, { ...registered, profile: { name } })
})

test('TM-06 a profile claim never stands in for one of ours that is absent', async () => {
  const evil = { scope: 'admin', idle_at: 9e9, upt: 'sealed', ups: 'digest', cnf: 'x', name: 'Ada' }
  const { token } = await minter.mint('access', values, evil)
  const payload = decodeJwt(token)
  assert.equal(payload['name'], 'Ada')
  for (const name of ['scope', 'idle_at', 'upt', 'ups', 'cnf']) assert.ok(!(name in payload), name)
})

test('TM-02 TM-03 an assertion says who it is to one receiver, no longer than its token and with nothing wrapped', async () => {
  const claims: TokenClaims = {
    v: 1,
    iss: names.issuer,
    aud: names.audience.session,
    client_id: 'shop',
    jti: 'jti-1',
    nbf: iat,
    ...values,
    idle_at: iat + 900,
    upt: 'sealed',
    ups: 'digest',
    profile: { name: 'Ada', roles: ['admin'] },
  }
  const now = clock() + 7000
  const token = await minter.mintAssertion(claims, 'https://backend.example', now)
  const { payload, protectedHeader } = await jwtVerify(token, key.publicKey, { currentDate: new Date(now) })
  assert.deepEqual(protectedHeader, { alg: key.alg, kid: key.kid, typ: 'postern-assertion+jwt' })
  const { jti, ...rest } = payload
  assert.notEqual(jti, claims.jti)
  assert.deepEqual(rest, {
    v: 1,
    iss: names.issuer,
    sub: 'accounts|42',
    aud: 'https://backend.example',
    client_id: 'shop',
    iat: iat + 7,
    nbf: iat + 7,
    exp: values.exp,
    sid: 'sid-1',
    auth_time: values.auth_time,
    upn: 'accounts',
    name: 'Ada',
    roles: ['admin'],
  })
  const scoped = await minter.mintAssertion({ ...claims, scope: 'read' }, 'https://backend.example', now)
  assert.equal(decodeJwt(scoped)['scope'], 'read')
})
