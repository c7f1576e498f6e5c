import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Session } from '../../src/life/authentication.ts'
import { withoutSession } from '../../src/life/endings.ts'
import { upstreamSessionDigest, type SessionSource } from '../../src/life/session.ts'
import { createSignOuter } from '../../src/life/sign-out.ts'
import { createUpstreamSignOuter } from '../../src/life/upstream-sign-out.ts'
import type { LogoutTokenOutcome, OidcUpstream } from '../../src/upstream/upstream.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { createParts, failed } from './parts.ts'

const context = { reqId: 'request-1', address: '192.0.2.1' }

async function scene() {
  const parts = await createParts()
  const { policy, maker, clock, say } = parts
  const outer = createSignOuter(policy, { ...parts, events: say })
  async function session(more: Partial<SessionSource> = {}): Promise<Session> {
    const carried = await maker.forBrowser(parts.source(more))
    assert.ok(carried.ok)
    const { claims, kid } = carried.minted
    return { kind: 'session', claims, kid }
  }
  const now = () => clock() / 1000
  return { ...parts, outer, session, now, carried: { sealed: undefined, out: undefined } }
}

describe('LO-01 a sign-out', () => {
  test('ends the session here for as long as it could have lasted, and names it in this browser', async () => {
    const { outer, session, carried, facts, clock, policy, now } = await scene()
    const john = await session({ signedInAt: clock() - hours(1) })
    const stone = await outer.end(john, carried, context)
    const end = now() + 7 * 3600
    assert.equal(stone, `postern-out=since.${now() + 1}~sid-1.${end}; Max-Age=${8 * 3600 + 1}`)
    clock.advance(hours(7) - 1)
    assert.equal(facts.denied('sid-1'), 'revoked')
    clock.advance(1)
    assert.equal(facts.denied('sid-1'), undefined)
    assert.equal(policy.absoluteTimeout, hours(8))
  })

  test('without a session says so in this browser, for a late answer may bring one', async () => {
    const { outer, carried, now, events, service } = await scene()
    service.can.end = true
    const stone = await outer.end(undefined, carried, context)
    assert.equal(stone, `postern-out=since.${now() + 1}~nobody.${now() + 8 * 3600}; Max-Age=${8 * 3600 + 1}`)
    assert.deepEqual([events, service.asked], [[], []])
  })

  test('leaves what was over in this browser before as it was', async () => {
    const { outer, session, now } = await scene()
    const out = `since.5~sid-0.${now() + 60}`
    const stone = await outer.end(await session(), { sealed: undefined, out }, context)
    assert.match(stone, new RegExp(`^postern-out=since\\.${now() + 1}~sid-1\\.\\d+~sid-0\\.${now() + 60};`))
  })

  test('LO-02 is told to the service with the token, and the log says that it was', async () => {
    const { outer, session, carried, service, events } = await scene()
    service.can.end = true
    await outer.end(await session(), carried, context)
    assert.deepEqual(service.asked, ['end token-0 of 1'])
    assert.deepEqual(events, [
      { ...context, type: 'signed_out', sub: 'accounts|1', sid: 'sid-1', upstream: 'accounts', upstreamTold: true },
    ])
  })

  test('LO-02 shows the token of its own cookie where the session carries none', async () => {
    const { outer, session, service } = await scene()
    service.can.end = true
    const john = await session()
    const { upt, ...claims } = john.claims
    await outer.end({ ...john, claims }, { sealed: upt, out: undefined }, context)
    assert.deepEqual(service.asked, ['end token-0 of 1'])
  })

  test('LO-02 whose service fails is one all the same, and the log says what it was', async () => {
    const { outer, session, carried, service, events, facts } = await scene()
    service.can.end = true
    service.end = () => failed
    assert.match(await outer.end(await session(), carried, context), /~sid-1\./)
    assert.equal(facts.denied('sid-1'), 'revoked')
    const [event] = events
    assert.ok(event?.type === 'signed_out')
    assert.deepEqual([event.upstreamTold, event.detail], [false, 'no answer'])
  })

  test('stands in whatever is said while the service is told, with the request that it came with', async () => {
    const { outer, session, carried, service, events, say } = await scene()
    service.can.end = true
    service.end = () => {
      say({ type: 'notice', message: 'asked' })
      return { kind: 'ended', status: 204 }
    }
    await outer.end(await session(), carried, context)
    assert.deepEqual(events[0], { ...context, sub: 'accounts|1', sid: 'sid-1', type: 'notice', message: 'asked' })
  })

  test('LO-01 is known here before the service is asked', async () => {
    const { outer, session, carried, service, facts } = await scene()
    service.can.end = true
    let denied: string | undefined
    service.end = () => {
      denied = facts.denied('sid-1')
      return { kind: 'ended', status: 204 }
    }
    await outer.end(await session(), carried, context)
    assert.equal(denied, 'revoked')
  })

  for (const [what, prepare, detail] of [
    ['without a logout call', 'no call', 'no logout call is configured'],
    ['whose upstream is gone', 'no upstream', 'no logout call is configured'],
    ['whose token cannot be opened', 'bad token', 'the upstream token cannot be opened'],
    ['without a token', 'no token', 'the upstream token cannot be opened'],
  ] as const) {
    test(`LO-02 of a session ${what} is told to nobody, and the log says why`, async () => {
      const { outer, session, carried, service, upstreams, events } = await scene()
      service.can.end = prepare !== 'no call'
      if (prepare === 'no upstream') upstreams.clear()
      const john = await session()
      const { upt: _, ...bare } = john.claims
      const claims =
        prepare === 'bad token' ? { ...bare, upt: 'a.b.c.d.e' } : prepare === 'no token' ? bare : john.claims
      await outer.end({ ...john, claims }, carried, context)
      assert.deepEqual(service.asked, [])
      const [event] = events
      assert.ok(event?.type === 'signed_out')
      assert.deepEqual([event.upstreamTold, event.detail], [false, detail])
    })
  }
})

describe('a sign-in over another session', () => {
  test('LO-01 ends that one here, and everything that began in this browser before', async () => {
    const { outer, session, facts, clock, now, events, service } = await scene()
    service.can.end = true
    const john = await session()
    clock.advance(minutes(1))
    const ada = await session({ sid: 'sid-2', subject: 'accounts|2' })
    const stone = outer.replace([john.claims], ada, undefined)
    assert.match(stone, new RegExp(`^postern-out=since\\.${now()}~sid-1\\.\\d+;`))
    assert.equal(facts.denied('sid-1'), 'revoked')
    assert.equal(facts.denied('sid-2'), undefined)
    assert.deepEqual([events, service.asked], [[], []], 'that is no sign-out')
  })

  test('names nothing where there was no session, and keeps what was over before', async () => {
    const { outer, session, now } = await scene()
    const ada = await session()
    assert.match(outer.replace([], ada, undefined), new RegExp(`^postern-out=since\\.${now()}; Max-Age=${8 * 3600}$`))
    const out = `sid-0.${now() + 60}~sid-00.${now()}`
    assert.match(outer.replace([], ada, out), new RegExp(`^postern-out=since\\.${now()}~sid-0\\.${now() + 60};`))
  })
})

describe('LO-06 a logout token', () => {
  type Good = Extract<LogoutTokenOutcome, { kind: 'good' }>

  async function told() {
    const parts = await scene()
    const outer = createUpstreamSignOuter(parts.policy, { ...parts, events: parts.say })
    let count = 0
    const hear = (more: Partial<Good> = {}, key = 'accounts') => {
      count += 1
      const outcome: Good = {
        kind: 'good',
        jti: `jti-${count}`,
        issuedAt: parts.clock(),
        sid: undefined,
        subject: undefined,
        ...more,
      }
      const upstream = { key, subjectPrefix: 'people', readLogoutToken: async () => outcome }
      return outer.end(upstream as unknown as OidcUpstream, 'token', context)
    }
    return { ...parts, hear, outer }
  }
  const where = { ...context, upstream: 'accounts' }

  test('that names a person ends what they began until now, for as long as it could have lasted', async () => {
    const { hear, facts, clock, events } = await told()
    const now = clock()
    assert.equal(await hear({ subject: '1' }), true)
    assert.deepEqual(events, [{ ...where, type: 'upstream_signed_out', by: 'sub', sub: 'people|1' }])
    assert.equal(facts.cutOffOf('people|1'), now)
    clock.advance(hours(8) - 1)
    assert.equal(facts.cutOffOf('people|1'), now)
    clock.advance(1)
    assert.equal(facts.cutOffOf('people|1'), undefined)
  })

  test('that comes late ends nothing that began a minute after it was made', async () => {
    const { hear, facts, clock } = await told()
    const issuedAt = clock() - minutes(2)
    await hear({ subject: '1', issuedAt })
    assert.equal(facts.cutOffOf('people|1'), issuedAt + seconds(60))
  })

  test('that names a session ends that one', async () => {
    const { hear, facts, clock, events } = await told()
    const before = facts.generation
    assert.equal(await hear({ sid: 'theirs' }), true)
    assert.equal(facts.generation, before + 1, 'and nothing else')
    assert.equal(facts.denied(upstreamSessionDigest('accounts', 'theirs')), 'revoked')
    assert.deepEqual(events, [{ ...where, type: 'upstream_signed_out', by: 'sid' }])
    clock.advance(hours(8) - 1)
    assert.equal(facts.denied(upstreamSessionDigest('accounts', 'theirs')), 'revoked')
    clock.advance(1)
    assert.equal(facts.denied(upstreamSessionDigest('accounts', 'theirs')), undefined)
  })

  test('that names both ends that one, and of the others those that have no name there', async () => {
    const { hear, facts, clock, events } = await told()
    assert.equal(await hear({ sid: 'theirs', subject: '1' }), true)
    assert.equal(facts.denied(upstreamSessionDigest('accounts', 'theirs')), 'revoked')
    assert.equal(facts.cutOffOf('people|1'), undefined)
    assert.equal(facts.cutOffOf(withoutSession('people|1')), clock())
    assert.deepEqual(events, [{ ...where, type: 'upstream_signed_out', by: 'sid' }])
  })

  test('that names neither is good and ends nothing', async () => {
    const { hear, facts, events } = await told()
    const before = facts.generation
    assert.equal(await hear(), true)
    assert.equal(facts.generation, before)
    assert.deepEqual(events, [{ ...where, type: 'upstream_signed_out', by: 'sub' }])
  })

  test('is taken once, while it could be shown, from each upstream', async () => {
    const { hear, clock, events } = await told()
    assert.equal(await hear({ jti: 'one', subject: '1' }), true)
    assert.equal(await hear({ jti: 'one', subject: '1' }), false)
    assert.deepEqual(events.at(-1), {
      ...where,
      type: 'refused',
      reason: 'bad_logout_token',
      detail: 'It was taken before.',
    })
    assert.equal(await hear({ jti: 'two', subject: '1' }), true)
    assert.equal(await hear({ jti: 'one', subject: '1' }, 'others'), true)
    clock.advance(minutes(1))
    assert.equal(await hear({ jti: 'one', subject: '1' }), false)
    clock.advance(hours(1))
    assert.equal(await hear({ jti: 'one', subject: '1' }), true)
  })

  test('that is none ends nothing, and the log says why', async () => {
    const { outer, events, facts } = await told()
    const readLogoutToken = async () => ({ kind: 'refused', detail: 'it is none' })
    const upstream = { key: 'accounts', subjectPrefix: 'people', readLogoutToken } as unknown as OidcUpstream
    const before = facts.generation
    assert.equal(await outer.end(upstream, 'x', context), false)
    assert.equal(facts.generation, before)
    assert.deepEqual(events, [{ ...where, type: 'refused', reason: 'bad_logout_token', detail: 'it is none' }])
  })
})
