import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reasons, type Reason } from '../src/base/reasons.ts'
import { decide, type Policy } from '../src/decide.ts'
import type { Authentication, Session } from '../src/life/authentication.ts'
import type { TokenClaims } from '../src/token/claims.ts'

type Claims = Partial<TokenClaims>

const session = (claims: Claims = {}): Session => ({
  kind: 'session',
  kid: 'k1',
  claims: {
    v: 1,
    iss: 'https://app.example.com',
    sub: 'accounts|42',
    aud: 'https://app.example.com/_auth',
    client_id: 'postern',
    iat: 0,
    nbf: 0,
    exp: 300,
    jti: 'jti-1',
    sid: 'sid-1',
    auth_time: 0,
    upn: 'accounts',
    profile: {},
    ...claims,
  },
})
const valid = (claims?: Claims): Authentication => ({
  state: 'valid',
  session: session(claims),
  sealed: undefined,
  setCookies: [],
})
const refused = (reason: Reason): Authentication => ({ state: 'refused', reason })
const absent: Authentication = { state: 'absent', reason: 'missing' }
const policy = (access: Policy['access'], require: Policy['require'] = {}): Policy => ({ access, require })
const anonymous = { kind: 'allow', authentication: undefined }

describe('a public route', () => {
  test('is for everybody, and nobody is known on it', () => {
    for (const authentication of [absent, valid(), refused('bad_signature'), refused('expired')])
      assert.deepEqual(decide(policy('public', { role: ['admin'] }), authentication), anonymous)
  })
})

describe('whoever is not signed in', () => {
  test('is challenged where the route is protected, with the reason', () => {
    assert.deepEqual(decide(policy('protected'), absent), { kind: 'challenge', reason: 'missing' })
    const signedOut: Authentication = { state: 'absent', reason: 'tombstoned' }
    assert.deepEqual(decide(policy('protected'), signedOut), { kind: 'challenge', reason: 'tombstoned' })
  })

  test('is anonymous where the route is optional, whatever it requires of others', () => {
    assert.deepEqual(decide(policy('optional', { role: ['admin'] }), absent), anonymous)
  })
})

describe('a session that ended', () => {
  for (const reason of ['expired', 'idle', 'absolute', 'revoked', 'upstream_refused'] as const) {
    test(`as ${reason} is challenged where the route is protected, and nobody where it is optional`, () => {
      assert.deepEqual(decide(policy('protected'), refused(reason)), { kind: 'challenge', reason })
      assert.deepEqual(decide(policy('optional'), refused(reason)), anonymous)
    })
  }
})

describe('TV-19 a credential that is not accepted', () => {
  const bad = (Object.keys(reasons) as Reason[]).filter((reason) => reasons[reason] === 'invalid_credential')

  for (const access of ['protected', 'optional'] as const) {
    test(`is challenged and never anonymous where the route is ${access}`, () => {
      for (const reason of bad) assert.deepEqual(decide(policy(access), refused(reason)), { kind: 'challenge', reason })
    })
  }

  test('is told apart from a request that cannot be read, which signing in does not mend', () => {
    for (const access of ['protected', 'optional'] as const)
      for (const reason of ['duplicate_credentials', 'prefetch', 'upstream_bad', 'internal'] as const)
        assert.deepEqual(decide(policy(access), refused(reason)), { kind: 'refuse', reason })
  })

  test('is challenged where nothing usable was sent', () => {
    assert.deepEqual(decide(policy('optional'), refused('tombstoned')), { kind: 'challenge', reason: 'tombstoned' })
  })
})

test('a session whose upstream cannot be asked waits, even where the route is optional', () => {
  for (const access of ['protected', 'optional'] as const) {
    assert.deepEqual(decide(policy(access), { state: 'unavailable', retryAfter: 7, session: session() }), {
      kind: 'refuse',
      reason: 'upstream_unavailable',
      retryAfter: 7,
    })
  }
})

describe('a requirement', () => {
  const outcome = (require: Policy['require'], claims: Claims) => {
    const authentication = valid(claims)
    const decision = decide(policy('protected', require), authentication)
    if (decision.kind === 'allow') assert.equal(decision.authentication, authentication)
    else assert.deepEqual(decision, { kind: 'refuse', reason: 'forbidden' })
    return decision.kind
  }

  test('of nothing is met by every session', () => {
    assert.equal(outcome({}, {}), 'allow')
  })

  test('is met by a claim that is one of the values, or a list with one of them', () => {
    const require = { role: ['admin', 'owner'] }
    for (const role of ['admin', 'owner', ['reader', 'owner']])
      assert.equal(outcome(require, { profile: { role } }), 'allow')
    for (const role of ['reader', 'adm', 'admins', ['reader'], []])
      assert.equal(outcome(require, { profile: { role } }), 'refuse')
    assert.equal(outcome(require, {}), 'refuse')
  })

  test('of several claims is met by all of them together', () => {
    const require = { role: ['admin'], team: ['red'] }
    assert.equal(outcome(require, { profile: { role: 'admin', team: 'red' } }), 'allow')
    assert.equal(outcome(require, { profile: { role: 'admin', team: 'blue' } }), 'refuse')
    assert.equal(outcome(require, { profile: { team: 'red' } }), 'refuse')
  })

  test('is met by the very value, not by what looks like it', () => {
    assert.equal(outcome({ level: ['3'] }, { profile: { level: '3' } }), 'allow')
    assert.equal(outcome({ level: ['3'] }, { profile: { level: 3 } }), 'refuse')
  })

  test('of a scope is met by what a client was granted, and by nobody’s own claim', () => {
    const require = { scope: ['read'] }
    assert.equal(outcome(require, { scope: 'write read' }), 'allow')
    assert.equal(outcome(require, { scope: 'write readers' }), 'refuse')
    assert.equal(outcome(require, { profile: { scope: 'read' } }), 'refuse')
  })

  test('of a name that every object has is met by nothing', () => {
    const inherited = Object.prototype.toString
    const require = { toString: [inherited] } as unknown as Policy['require']
    assert.equal(outcome(require, {}), 'refuse')
  })
})
