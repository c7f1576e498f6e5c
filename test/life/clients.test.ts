import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, test } from 'node:test'
import { CompactSign, type CompactJWSHeaderParameters } from 'jose'
import { Secret } from '../../src/base/secret.ts'
import type { ClientConfig, ClientKey } from '../../src/config/exchange.ts'
import { createAssertionReader } from '../../src/life/client-assertion.ts'
import { createClientAuthenticator, type Presented } from '../../src/life/clients.ts'
import { createProcessFacts, type Facts } from '../../src/life/facts.ts'
import { fakeClock, seconds } from '../support/clock.ts'
import { limiterDouble } from './parts.ts'

const issuer = 'https://app.example.com'
const endpoint = `${issuer}/_auth/token`
const pairs = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const keyOf = (index: number, kid: string | undefined): ClientKey => {
  const { publicKey } = pairs[index] ?? {}
  assert.ok(publicKey !== undefined)
  return { kid, alg: 'ES256', publicKey }
}
const one = [keyOf(0, 'key-0')]
const two = [keyOf(0, 'key-0'), keyOf(1, 'key-1')]

/** Signs whatever a test wants to show. */
async function signed(payload: unknown, header: object = {}, key: KeyObject | undefined = pairs[0]?.privateKey) {
  assert.ok(key !== undefined)
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const protectedHeader = { alg: 'ES256', kid: 'key-0', ...header } as CompactJWSHeaderParameters
  return new Secret(await new CompactSign(Buffer.from(text)).setProtectedHeader(protectedHeader).sign(key))
}

let ids = 0
const start = fakeClock()() / 1000
const claims = (more: object = {}) => {
  ids += 1
  return { iss: 'robot', sub: 'robot', aud: issuer, exp: start + 60, iat: start, jti: `id-${ids}`, ...more }
}

describe('an assertion of a client', () => {
  function scene() {
    const clock = fakeClock()
    const facts = createProcessFacts(clock)
    const shown: (readonly [string, number])[] = []
    const first: Facts['first'] = (sort, id, until) => {
      shown.push([id, until])
      return facts.first(sort, id, until)
    }
    const reader = createAssertionReader({ audiences: [issuer, endpoint], facts: { first }, clock })
    const fault = async (more: object = {}, header: object = {}, keys = one) =>
      reader.fault(await signed(claims(more), header), 'robot', keys)
    return { reader, fault, clock, shown }
  }

  test('is good for one of our two names, alone, in a list or not', async () => {
    const { fault } = scene()
    for (const aud of [issuer, endpoint, [issuer], [endpoint]]) assert.equal(await fault({ aud }), undefined)
    for (const aud of [undefined, '', [], [issuer, endpoint], [[issuer]], 1, `${issuer}/`, 'https://evil.example'])
      assert.equal(await fault({ aud }), '`aud` is neither the issuer nor the token endpoint, alone')
  })

  test('is by the client and about the client', async () => {
    const { fault } = scene()
    for (const other of [{ iss: 'another' }, { sub: 'another' }, { iss: undefined }, { sub: ['robot'] }])
      assert.equal(await fault(other), '`iss` and `sub` are not the client')
  })

  test('ends within five minutes, and a clock may be a minute wrong', async () => {
    const { fault } = scene()
    for (const exp of [start - 59, start, start + 360]) assert.equal(await fault({ exp }), undefined)
    for (const exp of [start - 60, start - 1000]) assert.equal(await fault({ exp }), '`exp` is past')
    for (const exp of [start + 361, 1e300]) assert.equal(await fault({ exp }), '`exp` lies more than 5 minutes ahead')
    for (const exp of [undefined, null, String(start), [start]]) assert.equal(await fault({ exp }), '`exp` is missing')
  })

  for (const name of ['iat', 'nbf']) {
    test(`may have an \`${name}\`, which lies no more than a minute ahead`, async () => {
      const { fault } = scene()
      for (const time of [undefined, 0, start - 1e6, start + 60]) assert.equal(await fault({ [name]: time }), undefined)
      for (const time of [start + 61, String(start), null, [start], 1e300])
        assert.equal(await fault({ [name]: time }), `\`${name}\` lies ahead`)
    })
  }

  test('is good once, by its `jti`, for as long as it could be shown', async () => {
    const { reader, fault, shown } = scene()
    for (const jti of [undefined, '', 5, ['a']]) assert.equal(await fault({ jti }), '`jti` is missing')
    assert.equal(shown.length, 0)
    const assertion = await signed(claims({ jti: 'mine' }))
    assert.equal(await reader.fault(assertion, 'robot', one), undefined)
    assert.equal(await reader.fault(assertion, 'robot', one), 'it was used before')
    assert.equal(await fault({ jti: 'another' }), undefined)
    const theirs = await signed(claims({ jti: 'mine', iss: 'other', sub: 'other' }))
    assert.equal(
      await reader.fault(theirs, 'other', one),
      undefined,
      'ids of clients have nothing to do with each other',
    )
    assert.deepEqual(new Set(shown.map(([, until]) => until)), new Set([(start + 120) * 1000]))
  })

  test('that is refused for something else does not use up its `jti`', async () => {
    const { fault } = scene()
    assert.equal(await fault({ jti: 'mine', exp: start - 100 }), '`exp` is past')
    assert.equal(await fault({ jti: 'mine' }), undefined)
  })

  test('TV-11 is of its own type or of none', async () => {
    const { fault } = scene()
    for (const typ of ['jwt', 'JWT', 'client-authentication+jwt', 'Client-Authentication+JWT'])
      assert.equal(await fault({}, { typ }), undefined)
    for (const typ of ['at+jwt', '', 'application/jwt', 5, null, ['jwt']])
      assert.equal(await fault({}, { typ }), 'its `typ` is of another kind')
  })

  test('TV-03 brings neither keys nor rules', async () => {
    const { fault } = scene()
    assert.equal(await fault({}, { x5t: 'a', 'x5t#S256': 'b' }), undefined)
    for (const header of [{ jku: 'https://evil.example' }, { jwk: {} }, { x5u: 'x' }, { x5c: [] }, { '': 1 }])
      assert.equal(await fault({}, header), 'its header has a member that is not taken')
  })

  test('names its key, or there is one only', async () => {
    const { reader, fault } = scene()
    const unnamed = { kid: undefined }
    assert.equal(await fault({}, unnamed), undefined)
    assert.equal(await fault({}, unnamed, two), 'its `kid` is no key of this client')
    for (const kid of ['key-2', '', 0]) assert.equal(await fault({}, { kid }), 'its `kid` is no key of this client')
    const second = await signed(claims(), { kid: 'key-1' }, pairs[1]?.privateKey)
    assert.equal(await reader.fault(second, 'robot', two), undefined)
    const swapped = await signed(claims(), { kid: 'key-1' })
    assert.equal(await reader.fault(swapped, 'robot', two), 'its signature is not good')
  })

  test('TV-01 is signed with the algorithm of its key, whatever it says', async () => {
    const { fault, reader } = scene()
    const assertion = (await signed(claims())).reveal()
    const [, payload = '', signature = ''] = assertion.split('.')
    for (const alg of ['none', 'HS256', 'ES384', undefined]) {
      const header = Buffer.from(JSON.stringify({ alg, kid: 'key-0' })).toString('base64url')
      const forged = new Secret(`${header}.${payload}.${signature}`)
      assert.equal(await reader.fault(forged, 'robot', one), 'its `alg` is not that of the key')
    }
    const changed = new Secret(assertion.replace(payload, Buffer.from(JSON.stringify(claims())).toString('base64url')))
    assert.equal(await reader.fault(changed, 'robot', one), 'its signature is not good')
    assert.equal(await fault(), undefined)
  })

  test('EH-02 that makes no sense is refused, and nothing breaks', async () => {
    const { reader } = scene()
    for (const header of ['', 'null', '1', '"a"', '[]', '{']) {
      const text = new Secret(`${Buffer.from(header).toString('base64url')}.e30.x`)
      assert.equal(await reader.fault(text, 'robot', one), 'its header is not a JSON object', header)
    }
    for (const payload of ['', 'null', '1', '"a"', '[]', '{']) {
      const assertion = await signed(payload)
      assert.equal(await reader.fault(assertion, 'robot', one), 'its signature is not good', payload)
      assert.equal(reader.subject(assertion), undefined, payload)
    }
  })

  test('says whose it is before anything of it is believed', async () => {
    const { reader } = scene()
    const text = (await signed(claims())).reveal()
    assert.equal(reader.subject(new Secret(text)), 'robot')
    for (const sub of ['', undefined, 5, ['robot']])
      assert.equal(reader.subject(await signed(claims({ sub }))), undefined)
    for (const more of [` ${text}`, `${text} `, `.${text}`, `${text}.x`, text.slice(0, text.lastIndexOf('.') + 1)])
      assert.equal(reader.subject(new Secret(more)), undefined, more)
  })
})

describe('a client', () => {
  const usual = { audiences: [], defaultAudience: undefined, scopes: [], upstreams: [], dpop: 'off' } as const
  const clients: readonly ClientConfig[] = [
    { ...usual, id: 'keeper', credential: { method: 'secret', secret: new Secret('the secret') } },
    { ...usual, id: 'robot', credential: { method: 'private_key_jwt', keys: one } },
    { ...usual, id: 'public', credential: { method: 'none' } },
  ]

  function scene() {
    const clock = fakeClock()
    const { double, limiter } = limiterDouble()
    const waits: number[] = []
    const authenticator = createClientAuthenticator({
      clients: new Map(clients.map((client) => [client.id, client])),
      audiences: [issuer],
      limiter,
      facts: createProcessFacts(clock),
      clock,
      wait: async (milliseconds) => void waits.push(milliseconds),
    })
    const by = (presented: Presented) => authenticator.authenticate(presented, '192.0.2.1')
    const secret = (id: string, text: string) => by({ method: 'secret', id, secret: new Secret(text) })
    const assertion = async (more: object = {}, id?: string) =>
      by({ method: 'private_key_jwt', id, assertion: await signed(claims(more)) })
    return { by, secret, assertion, limits: double, waits }
  }
  const refusal = (reason: string, detail: string, client?: string) => ({
    ok: false,
    reason,
    detail,
    client,
    retryAfter: undefined,
  })

  test('is known by its secret, and by nothing that is only like it', async () => {
    const { secret, limits } = scene()
    assert.deepEqual(await secret('keeper', 'the secret'), { ok: true, client: clients[0] })
    for (const text of ['', 'the secret ', 'The secret', 'the secre', 'x'])
      assert.deepEqual(
        await secret('keeper', text),
        refusal('wrong_client_secret', 'the secret is another one', 'keeper'),
      )
    assert.deepEqual(limits.attempts[0], {
      upstream: 'token endpoint',
      account: 'keeper',
      address: '192.0.2.1',
      step: 'first',
    })
    assert.deepEqual(limits.settled, ['other', 'counts', 'counts', 'counts', 'counts', 'counts'])
  })

  test('is known by its key', async () => {
    const { assertion, limits } = scene()
    assert.deepEqual(await assertion(), { ok: true, client: clients[1] })
    assert.deepEqual(await assertion({}, 'robot'), { ok: true, client: clients[1] })
    assert.deepEqual(await assertion({ exp: start - 100 }), refusal('bad_client_assertion', '`exp` is past', 'robot'))
    assert.deepEqual(limits.settled, ['other', 'other', 'counts'])
    assert.deepEqual(
      limits.attempts.map(({ account }) => account),
      ['robot', 'robot', 'robot'],
    )
  })

  test('may have nothing to show, and then nobody can slow it down', async () => {
    const { by, limits, secret } = scene()
    assert.deepEqual(await by({ method: 'none', id: 'public' }), { ok: true, client: clients[2] })
    assert.deepEqual(await secret('public', 'x'), refusal('wrong_client_method', 'this client has no secret', 'public'))
    assert.deepEqual(limits.attempts, [])
  })

  test('that does not exist is none, in whatever way, and counts as a guess', async () => {
    const { by, secret, assertion, limits } = scene()
    const unknown = refusal('unknown_client', 'there is no such client')
    assert.deepEqual(await secret('nobody', ''), unknown)
    assert.deepEqual(await by({ method: 'none', id: 'nobody' }), unknown)
    assert.deepEqual(await assertion({ sub: 'nobody' }), unknown)
    assert.deepEqual(limits.settled, ['counts', 'counts', 'counts'])
  })

  test('is known in its own way only', async () => {
    const { by, secret, assertion } = scene()
    const wrong = 'wrong_client_method'
    assert.deepEqual(await secret('robot', ''), refusal(wrong, 'this client has no secret', 'robot'))
    for (const id of ['keeper', 'robot'])
      assert.deepEqual(await by({ method: 'none', id }), refusal(wrong, 'this client has to authenticate', id))
    for (const sub of ['keeper', 'public'])
      assert.deepEqual(await assertion({ sub, iss: sub }), refusal(wrong, 'this client has no public key', sub))
  })

  test('is one: whoever an assertion is of, and no other that the request names', async () => {
    const { assertion, limits } = scene()
    assert.deepEqual(await assertion({ sub: '' }), refusal('bad_client_assertion', 'the assertion names no client'))
    assert.deepEqual(
      await assertion({}, 'keeper'),
      refusal('bad_client_assertion', '`client_id` is not the client of the assertion'),
    )
    assert.deepEqual(limits.attempts, [])
  })

  test('LG-04 that failed too often is not looked at, right or wrong, and is told when to come again', async () => {
    const { secret, limits, waits } = scene()
    limits.full = true
    const full = { ...refusal('rate_limited', 'too many failed authentications', 'keeper'), retryAfter: 17 }
    assert.deepEqual(await secret('keeper', 'the secret'), full)
    assert.deepEqual(await secret('nobody', 'x'), { ...full, client: undefined })
    assert.deepEqual([limits.settled, waits], [[], []])
  })

  test('LG-04 waits as long as it has to, and not at all where it need not', async () => {
    const { secret, limits, waits } = scene()
    await secret('keeper', 'the secret')
    assert.deepEqual(waits, [])
    limits.delay = seconds(1)
    await secret('keeper', 'the secret')
    assert.deepEqual(waits, [seconds(1)])
  })
})
