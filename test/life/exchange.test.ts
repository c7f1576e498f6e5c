import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import type { ClientConfig } from '../../src/config/exchange.ts'
import type { ClientOutcome } from '../../src/life/clients.ts'
import { withoutSession } from '../../src/life/endings.ts'
import { createExchanger, type ExchangeRequest } from '../../src/life/exchange.ts'
import { upstreamSessionDigest } from '../../src/life/session.ts'
import type { GoodSubjectToken, SubjectTokenOutcome } from '../../src/upstream/subject-token/subject-token.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { createParts, failed, grantOf, limiterDouble } from './parts.ts'

const client: ClientConfig = {
  id: 'robot',
  credential: { method: 'none' },
  audiences: ['https://api.example.com', 'https://others.example.com'],
  defaultAudience: 'https://api.example.com',
  scopes: ['read', 'write'],
  upstreams: ['accounts'],
  dpop: 'off',
}
const context = { reqId: 'request-1', address: '192.0.2.1' }

const jwtOf = (claims: object) =>
  new Secret(['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.'))

/** Somebody trades a token; who they are and what it is worth is what a test says. */
async function scene(of: Partial<ClientConfig> = {}) {
  const parts = await createParts()
  const { double, limiter } = limiterDouble()
  const shown: string[] = []
  const waits: number[] = []
  const closed: string[] = []
  const good: GoodSubjectToken = {
    kind: 'good',
    grant: grantOf({ token: new Secret('theirs'), refreshToken: new Secret('refresh-0') }),
    subject: '1',
    claims: { name: 'John' },
    scopes: undefined,
    issuedAt: undefined,
  }
  const answers: { client: ClientOutcome; token: SubjectTokenOutcome } = {
    client: { ok: true, client: { ...client, ...of } },
    token: good,
  }
  const validatorOf = (key: string) => ({
    issuer: `https://${key}.example.com`,
    async validate(token: Secret) {
      shown.push(`${key}: ${token.reveal()}`)
      return answers.token
    },
    close: async () => void closed.push(key),
  })
  const addresses: (string | undefined)[] = []
  const exchanger = createExchanger({
    ...parts,
    authenticator: {
      async authenticate(_presented, address) {
        addresses.push(address)
        return answers.client
      },
    },
    validators: new Map(['accounts', 'others', 'gone'].map((key) => [key, validatorOf(key)])),
    upstreams: new Map([
      ['accounts', { key: 'accounts', subjectPrefix: 'people' }],
      ['others', { key: 'others', subjectPrefix: 'others' }],
      ['silent', { key: 'silent', subjectPrefix: 'silent' }],
    ]),
    limiter,
    issuer: 'https://app.example.com',
    apiAudience: 'https://api.example.com',
    events: parts.say,
    wait: async (milliseconds) => void waits.push(milliseconds),
  })
  const trade = (more: Partial<ExchangeRequest> = {}) =>
    exchanger.exchange(
      {
        presented: { method: 'none', id: 'robot' },
        subjectToken: new Secret('theirs'),
        targets: [],
        scope: undefined,
        upstream: undefined,
        rawHeaders: [],
        ...more,
      },
      context,
    )

  /** What is refused, and the one line of the log that says so. */
  async function assertRefused(
    more: Partial<ExchangeRequest>,
    reason: string,
    detail: string,
    retryAfter?: number,
  ): Promise<void> {
    parts.events.length = 0
    assert.deepEqual(await trade(more), { ok: false, reason, detail, client: 'robot', retryAfter })
    assert.deepEqual(parts.events.at(-1), { ...context, type: 'token_refused', reason, detail, client: 'robot' })
  }

  return { ...parts, exchanger, answers, good, trade, shown, waits, closed, addresses, limits: double, assertRefused }
}

describe('a token exchange', () => {
  test('gives a token of ours that speaks for the person, wraps theirs and names the client', async () => {
    const { trade, good, sealer, ring, events, clock, config, keys, shown, limits, addresses } = await scene()
    const result = await trade()
    assert.ok(result.ok)
    assert.equal(result.scope, 'read write')
    assert.equal(result.expiresIn * 1000, config.api.tokenTtl)
    const payload = JSON.parse(Buffer.from(result.token.split('.')[1] ?? '', 'base64url').toString())
    assert.deepEqual(
      [payload.sub, payload.aud, payload.client_id, payload.scope, payload.upn, payload.name, payload.auth_time * 1000],
      ['people|1', 'https://api.example.com', 'robot', 'read write', 'accounts', 'John', clock()],
    )
    const content = await sealer.open(payload.upt, payload.sid)
    assert.deepEqual(
      [content?.token.reveal(), content?.refreshToken, content?.checkedAt],
      [good.grant.token.reveal(), undefined, clock()],
    )
    assert.ok(keys.some(({ kid }) => kid === ring.signingKey().kid))
    assert.deepEqual([shown, addresses], [['accounts: theirs'], ['192.0.2.1']])
    assert.deepEqual(limits.attempts, [{ upstream: 'accounts', account: 'robot', address: '192.0.2.1', step: 'first' }])
    assert.deepEqual(limits.settled, ['other'])
    assert.deepEqual(events, [
      {
        ...context,
        type: 'token_exchanged',
        upstream: 'accounts',
        sub: 'people|1',
        sid: payload.sid,
        jti: payload.jti,
        client: 'robot',
        audience: 'https://api.example.com',
        scope: 'read write',
      },
    ])
  })

  test('is another session each time', async () => {
    const { trade } = await scene()
    const sids = []
    for (const result of [await trade(), await trade()])
      if (result.ok) sids.push(JSON.parse(Buffer.from(result.token.split('.')[1] ?? '', 'base64url').toString()).sid)
    assert.equal(new Set(sids).size, 2)
  })

  test('wraps nothing for an audience that is not ours', async () => {
    const { trade } = await scene()
    const result = await trade({ targets: ['https://others.example.com'], scope: 'read' })
    assert.ok(result.ok)
    const payload = JSON.parse(Buffer.from(result.token.split('.')[1] ?? '', 'base64url').toString())
    assert.deepEqual([payload.aud, payload.scope, payload.upt], ['https://others.example.com', 'read', undefined])
  })

  test('of a client without scopes has none', async () => {
    const { trade } = await scene({ scopes: [] })
    const result = await trade()
    assert.ok(result.ok)
    assert.equal(result.scope, '')
  })

  test('ends with its validators', async () => {
    const { exchanger, closed } = await scene()
    await exchanger.close()
    assert.deepEqual(closed.toSorted(), ['accounts', 'gone', 'others'])
  })
})

describe('a token exchange is refused', () => {
  test('before anything else where nobody knows who asks', async () => {
    const { trade, answers, events, shown, limits } = await scene()
    const refusal = {
      ok: false,
      reason: 'unknown_client',
      detail: 'there is no such client',
      client: undefined,
    } as const
    answers.client = { ...refusal, retryAfter: undefined }
    assert.deepEqual(await trade(), answers.client)
    const { reason, detail } = refusal
    assert.deepEqual(events, [{ ...context, type: 'token_refused', reason, detail }])
    assert.deepEqual([shown, limits.attempts], [[], []])
  })

  test('for an audience or a scope that the client has not, and nobody is shown the token', async () => {
    const { assertRefused, shown, limits } = await scene()
    await assertRefused(
      { targets: ['https://evil.example'] },
      'invalid_target',
      'the audience is not one of the client',
    )
    await assertRefused({ scope: 'admin' }, 'invalid_scope', 'a scope is not one of the client')
    assert.deepEqual([shown, limits.attempts], [[], []])
  })

  test('where it is not clear whose token it is, or the client may not bring it', async () => {
    const detail = 'it is not clear which upstream the token is of; say `upstream`'
    const { assertRefused, shown } = await scene({ upstreams: ['accounts', 'gone', 'silent'] })
    await assertRefused({}, 'bad_request', detail)
    await assertRefused({ upstream: 'others' }, 'bad_request', detail)
    // Somebody who vouches and is no upstream, and an upstream for which nobody vouches.
    await assertRefused({ upstream: 'gone' }, 'bad_request', detail)
    await assertRefused({ upstream: 'silent' }, 'bad_request', detail)
    assert.deepEqual(shown, [])
  })

  test('and not where the token says whose it is, or the client does', async () => {
    const { trade, shown } = await scene({ upstreams: ['accounts', 'others'] })
    const named = jwtOf({ iss: 'https://others.example.com' })
    assert.ok((await trade({ subjectToken: named })).ok)
    assert.ok((await trade({ upstream: 'accounts' })).ok)
    assert.deepEqual(shown, [`others: ${named.reveal()}`, 'accounts: theirs'])
  })

  test('for a token of our own, which no upstream is shown', async () => {
    const { assertRefused, shown, limits } = await scene()
    const subjectToken = jwtOf({ iss: 'https://app.example.com' })
    await assertRefused({ subjectToken }, 'bad_subject_token', 'it is a token of this gateway')
    assert.deepEqual([shown, limits.attempts], [[], []])
  })

  test('LG-04 where too many were refused, with the time to wait', async () => {
    const { assertRefused, shown, limits } = await scene()
    limits.full = true
    await assertRefused({}, 'rate_limited', 'too many refused tokens', 17)
    assert.deepEqual([shown, limits.settled], [[], []])
  })

  test('no sooner than the limits say', async () => {
    const { trade, limits, waits } = await scene()
    await trade()
    assert.deepEqual(waits, [])
    limits.delay = 250
    await trade()
    assert.deepEqual(waits, [250])
  })

  test('for a token that is no good, which counts against the limits', async () => {
    for (const reason of ['bad_subject_token', 'expired_subject_token', 'refused_subject_token'] as const) {
      const { assertRefused, answers, limits } = await scene()
      answers.token = { kind: 'refused', reason, detail: 'why' }
      await assertRefused({}, reason, 'why')
      assert.deepEqual(limits.settled, ['counts'])
    }
  })

  test('while nobody can be asked, for as long as they say or ten seconds, and counts against nobody', async () => {
    const { assertRefused, answers, limits } = await scene()
    answers.token = failed
    await assertRefused({}, 'upstream_unavailable', 'no answer', 10)
    answers.token = { ...failed, retryAfter: 3 }
    await assertRefused({}, 'upstream_unavailable', 'no answer', 3)
    assert.deepEqual(limits.settled, ['other', 'other'])
  })

  test('for a scope that the token has not, and what is given is at most what it has', async () => {
    const { assertRefused, trade, answers, good } = await scene()
    answers.token = { ...good, scopes: ['read', 'admin'] }
    await assertRefused({ scope: 'write' }, 'invalid_scope', 'a scope is not one of the subject token')
    const result = await trade()
    assert.ok(result.ok)
    assert.equal(result.scope, 'read')
  })

  test('TM-07 for a token that ends in a moment, and what is given ends with what was brought', async () => {
    const { assertRefused, trade, answers, good, clock } = await scene()
    answers.token = { ...good, grant: grantOf({ expiresAt: clock() + seconds(1) }) }
    await assertRefused({}, 'expired_subject_token', 'it ends right now')
    answers.token = { ...good, grant: grantOf({ expiresAt: clock() + seconds(2) }) }
    const result = await trade()
    assert.ok(result.ok)
    assert.equal(result.expiresIn, 2)
  })

  test('LO-04 for a token that was made before the person was cut off, or at a time that nobody knows before now', async () => {
    const detail = 'the person was cut off after it was made'
    const { assertRefused, trade, answers, good, facts, clock } = await scene()
    facts.cutOff('people|1', clock(), clock() + hours(8))
    clock.advance(minutes(1))
    answers.token = { ...good, issuedAt: clock() / 1000 - 60 }
    await assertRefused({}, 'revoked_subject_token', detail)
    answers.token = { ...good, issuedAt: clock() / 1000 - 59 }
    assert.ok((await trade()).ok)
    answers.token = good
    assert.ok((await trade()).ok)
    facts.cutOff('people|1', clock(), clock() + hours(8))
    await assertRefused({}, 'revoked_subject_token', detail)
  })

  test('LO-06 for a token of a session that its upstream has ended', async () => {
    const { assertRefused, trade, answers, good, facts, clock } = await scene()
    facts.deny(upstreamSessionDigest('accounts', 'ended'), 'revoked', clock() + hours(8))
    answers.token = { ...good, grant: grantOf({ session: 'ended' }) }
    await assertRefused({}, 'revoked_subject_token', 'the person was cut off after it was made')
    answers.token = { ...good, grant: grantOf({ session: 'another' }) }
    assert.ok((await trade()).ok)
  })

  test('LO-06 for a token that names no session, where the one that its upstream has ended may be it', async () => {
    const { assertRefused, trade, answers, good, facts, clock } = await scene()
    facts.cutOff(withoutSession('people|1'), clock(), clock() + hours(8))
    await assertRefused({}, 'revoked_subject_token', 'the person was cut off after it was made')
    answers.token = { ...good, grant: grantOf({ session: 'another' }) }
    assert.ok((await trade()).ok)
  })

  test('for a token that is too long to be wrapped, and the log says by what', async () => {
    const { assertRefused, answers, good, events } = await scene()
    answers.token = { ...good, claims: { story: 'x'.repeat(20_000) } }
    await assertRefused({}, 'bad_subject_token', 'it is too long to be wrapped')
    const [bill] = events
    assert.ok(bill?.type === 'cookie_bill' && bill.bytes > bill.budget && (bill.bill['story'] ?? 0) > 20_000)
    assert.deepEqual([bill.upstream, bill.sub, bill.reqId], ['accounts', 'people|1', 'request-1'])
  })
})
