import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { Secret } from '../../src/base/secret.ts'
import { readDeviceKey, type DeviceKey } from '../../src/device/key.ts'
import type { Claim, Facts } from '../../src/life/facts.ts'
import { createRenewer } from '../../src/life/renew.ts'
import type { Renewal, RenewalRequest } from '../../src/life/renewal.ts'
import type { SessionSource } from '../../src/life/session.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'
import { createParts, failed, good, grantOf, refreshed, refused } from './parts.ts'

type Settings = Parameters<typeof createParts>[0]

const refreshToken = new Secret('refresh-0')
const withRefresh = { grant: grantOf({ refreshToken }) }

/** A session of John's, and what renews it. */
async function scene(source: Partial<SessionSource> = {}, settings: Settings = {}) {
  const parts = await createParts(settings)
  const { policy, maker, clock, say } = parts
  const toldBindings: (readonly [string, string | undefined])[] = []
  const waits: number[] = []
  const bindings = { renewed: (sid: string, sealed: string | undefined) => void toldBindings.push([sid, sealed]) }
  const wait = async (milliseconds: number) => void waits.push(milliseconds)
  const renewer = createRenewer(policy, { ...parts, bindings, events: say, wait })

  async function requestFor(more: Partial<SessionSource> = {}): Promise<RenewalRequest> {
    const carried = await maker.forBrowser(parts.source({ ...source, ...more }))
    assert.ok(carried.ok)
    return {
      token: carried.minted.token,
      claims: carried.minted.claims,
      sealed: carried.sealed ?? carried.minted.claims.upt,
      slide: true,
      stillValid: true,
      maySpend: true,
      mustAsk: false,
      context: { reqId: 'request-1' },
    }
  }

  /** What a renewal led to: the claims and the sealed content of the new token. */
  async function opened(renewal: Renewal) {
    assert.equal(renewal.kind, 'renewed')
    const verified = await parts.verifier.verify(renewal.successor.token)
    assert.equal(verified.state, 'valid')
    const { claims } = verified
    const content = await parts.sealer.open(claims.upt ?? renewal.successor.sealed ?? '', claims.sid)
    assert.ok(content !== undefined)
    return { claims, content }
  }

  const request = await requestFor()
  clock.advance(minutes(4))
  return { ...parts, renewer, toldBindings, waits, request, requestFor, opened }
}

const unavailable: Renewal = { kind: 'unavailable' }
const over = (reason: string) => ({ kind: 'refused', reason })

async function deviceKey(): Promise<DeviceKey> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  return (await readDeviceKey('ES256', await exportJWK(publicKey))) ?? assert.fail('it is one')
}

describe('a renewal', () => {
  test('whose upstream was asked not long ago asks nobody, and goes on with the same session', async () => {
    const { renewer, request, opened, service, clock, policy, said, events, toldBindings } = await scene(
      {},
      { session: { recheckEvery: '10m' } },
    )
    const renewal = await renewer.renew(request)
    const { claims, content } = await opened(renewal)
    assert.deepEqual(service.asked, [])
    const { jti, sid, sub, upn, auth_time, profile } = request.claims
    assert.notEqual(claims.jti, jti)
    assert.deepEqual(
      [claims.sid, claims.sub, claims.upn, claims.auth_time, claims.profile],
      [sid, sub, upn, auth_time, profile],
    )
    assert.equal(claims.iat * 1000, clock())
    assert.equal((claims.idle_at ?? 0) * 1000, clock() + policy.idleTimeout)
    assert.equal(content.token.reveal(), 'token-0')
    assert.equal(content.checkedAt, clock() - minutes(4), 'nobody was asked now')
    assert.deepEqual(said(), ['renewed'])
    const cookieBytes = events[0]?.type === 'renewed' ? events[0].cookieBytes : undefined
    assert.ok(cookieBytes !== undefined && cookieBytes > 600)
    const told = { type: 'renewed', jti: claims.jti, replaced: jti, sid, sub, upstream: upn, cookieBytes }
    assert.deepEqual(events, [{ reqId: 'request-1', ...told }])
    assert.deepEqual(toldBindings, [[sid, claims.upt]])
  })

  test('is refused of a bound session to whoever has not proven its key, and of any other to whoever brings one', async () => {
    const { renewer, request, requestFor, opened, service } = await scene()
    const [device, other] = await Promise.all([deviceKey(), deviceKey()])
    const bound = await requestFor({ device })
    for (const wanted of [bound, { ...bound, device: other }, { ...request, device }])
      assert.deepEqual(await renewer.renew(wanted), over('bound_token'))
    assert.deepEqual(service.asked, [])
    const { claims } = await opened(await renewer.renew({ ...bound, device }))
    assert.deepEqual(claims.cnf, { jkt: device.jkt })
  })

  test('for a request that is no activity leaves the idle limit where it was', async () => {
    const { renewer, request, opened } = await scene()
    const { claims } = await opened(await renewer.renew({ ...request, slide: false }))
    assert.equal(claims.idle_at, request.claims.idle_at)
    assert.ok(claims.exp > request.claims.exp)
  })

  test('shows the token to the service, with the subject there, and takes its claims as they are now', async () => {
    const { renewer, request, opened, service, clock } = await scene({ profile: { name: 'John', team: 'red' } })
    service.check = () => good({ subject: '1', claims: { name: 'John Doe' }, gone: ['team'] })
    const { claims, content } = await opened(await renewer.renew(request))
    assert.deepEqual(service.asked, ['check token-0 of 1'])
    assert.deepEqual(claims.profile, { name: 'John Doe' })
    assert.equal(content.checkedAt, clock())
  })

  test('seals the end of the token as the check tells it, and keeps the one it had where it does not', async () => {
    const { renewer, requestFor, opened, service, clock } = await scene()
    const known = () => requestFor({ grant: grantOf({ expiresAt: clock() + minutes(3) }) })
    service.check = () => ({ ...good(), expiresAt: clock() + hours(1) })
    const { claims, content } = await opened(await renewer.renew(await known()))
    assert.equal(content.expiresAt, clock() + hours(1))
    assert.equal(claims.exp * 1000, clock() + minutes(5), 'a whole life again')
    service.check = () => good()
    assert.equal((await opened(await renewer.renew(await known()))).content.expiresAt, clock() + minutes(3))
  })

  test('whose check is good and says that the token ends now uses the refresh token, and without one is over', async () => {
    const { renewer, request, service, clock, facts } = await scene()
    service.check = () => ({ ...good(), expiresAt: clock() + seconds(1) })
    assert.deepEqual(await renewer.renew(request), over('upstream_expired'))
    assert.equal(facts.denied('sid-1'), 'upstream_expired')
    const refreshable = await scene(withRefresh)
    refreshable.service.can.refresh = true
    refreshable.service.refresh = () => refreshed({ token: new Secret('token-1') })
    const answers = [{ ...good(), expiresAt: clock() }, good()]
    refreshable.service.check = () => answers.shift() ?? good()
    const { content } = await refreshable.opened(await refreshable.renewer.renew(refreshable.request))
    assert.equal(content.token.reveal(), 'token-1')
  })

  test('takes the end that a check tells of the new token too', async () => {
    const { renewer, request, service, clock, opened } = await scene(withRefresh)
    service.can.refresh = true
    service.refresh = () => refreshed({ token: new Secret('token-1'), expiresAt: clock() + hours(1) })
    const ends = [undefined, clock() + hours(2), undefined, clock()]
    service.check = () => {
      const expiresAt = ends.shift()
      return expiresAt === undefined ? refused : { ...good(), expiresAt }
    }
    assert.equal((await opened(await renewer.renew(request))).content.expiresAt, clock() + hours(2))
    const next = await scene(withRefresh)
    Object.assign(next.service, { refresh: service.refresh, check: service.check })
    next.service.can.refresh = true
    assert.deepEqual(await next.renewer.renew(next.request), over('upstream_expired'))
  })

  test('of a suspect asks however fresh the last answer is', async () => {
    const { renewer, request, service } = await scene({}, { session: { recheckEvery: '10m' } })
    assert.equal((await renewer.renew({ ...request, mustAsk: true })).kind, 'renewed')
    assert.deepEqual(service.asked, ['check token-0 of 1'])
  })

  test('of a suspect uses the refresh token where there is no other way to ask', async () => {
    const { renewer, request, service } = await scene(withRefresh)
    Object.assign(service.can, { check: false, refresh: true })
    service.refresh = () => refreshed({ token: new Secret('token-1') })
    assert.equal((await renewer.renew({ ...request, mustAsk: true })).kind, 'renewed')
    assert.deepEqual(service.asked, ['refresh token-0 of 1'])
  })

  test('that breaks says so, and nothing is lost', async () => {
    const { renewer, request, service, events } = await scene()
    const error = new Error('broken')
    service.check = () => {
      throw error
    }
    assert.deepEqual(await renewer.renew(request), unavailable)
    const { sid, sub } = request.claims
    assert.deepEqual(events, [
      { reqId: 'request-1', sid, sub, upstream: 'accounts', type: 'error', where: 'renewal', error },
    ])
  })

  test('is refused where the upstream token cannot be opened, or nobody is there to ask', async () => {
    const { renewer, request, service, upstreams } = await scene()
    const undecryptable = over('undecryptable')
    assert.deepEqual(await renewer.renew({ ...request, sealed: undefined }), undecryptable)
    assert.deepEqual(await renewer.renew({ ...request, sealed: 'a.b.c.d.e' }), undecryptable)
    const claims = { ...request.claims, sid: 'sid-2' }
    assert.deepEqual(await renewer.renew({ ...request, claims }), undecryptable, 'of another session')
    upstreams.clear()
    assert.deepEqual(await renewer.renew(request), undecryptable)
    assert.deepEqual(service.asked, [])
  })
})

describe('the successor of a cookie', () => {
  test('is the same for half a minute, and made anew after that', async () => {
    const { renewer, request, clock, service } = await scene()
    const first = await renewer.renew(request)
    clock.advance(seconds(30) - 1)
    assert.deepEqual(await renewer.renew(request), first)
    assert.equal(service.asked.length, 1)
    clock.advance(1)
    assert.notDeepEqual(await renewer.renew(request), first)
  })

  test('is for whoever brings all of the cookie', async () => {
    const { renewer, request, service } = await scene()
    await renewer.renew(request)
    assert.equal((await renewer.renew({ ...request, token: `${request.token}x` })).kind, 'renewed')
    assert.equal(service.asked.length, 2)
  })

  test('is not given out once its key was withdrawn', async () => {
    const { renewer, request, ring, keys, clock, service, opened } = await scene()
    await renewer.renew(request)
    const signing = await freshKeys(clock())
    ring.replace([...keys.filter((key) => !('publicJwk' in key)), ...signing.filter((key) => 'publicJwk' in key)])
    await opened(await renewer.renew(request))
    assert.equal(service.asked.length, 2)
  })
})

describe('a service that', () => {
  test('cannot be asked is left alone for ten seconds, and the reason is in the log', async () => {
    const { renewer, request, service, clock, events, facts } = await scene()
    service.check = () => failed
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.deepEqual(await renewer.renew({ ...request, stillValid: false }), unavailable)
    clock.advance(seconds(10) - 1)
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.equal(service.asked.length, 1)
    const { sid, sub } = request.claims
    assert.deepEqual(events, [
      {
        reqId: 'request-1',
        type: 'renewal_failed',
        reason: 'upstream_unavailable',
        detail: 'no answer',
        sid,
        sub,
        upstream: 'accounts',
      },
    ])
    assert.equal(facts.denied(sid), undefined)
    clock.advance(1)
    service.check = () => good()
    assert.equal((await renewer.renew(request)).kind, 'renewed')
  })

  test('refuses the token ends the session, every copy of it, for as long as it could have lasted', async () => {
    const { renewer, request, service, clock, facts, events, policy } = await scene()
    service.check = () => refused
    assert.deepEqual(await renewer.renew(request), over('upstream_refused'))
    const { sid, sub, auth_time } = request.claims
    assert.deepEqual(events, [
      { reqId: 'request-1', type: 'renewal_failed', reason: 'upstream_refused', sid, sub, upstream: 'accounts' },
    ])
    clock.advance(auth_time * 1000 + policy.absoluteTimeout - clock() - 1)
    assert.equal(facts.denied(sid), 'upstream_refused')
    clock.advance(1)
    assert.equal(facts.denied(sid), undefined)
  })

  test('says that the token is somebody else’s ends the session', async () => {
    const { renewer, request, service, facts } = await scene()
    service.check = () => good({ subject: '2' })
    assert.deepEqual(await renewer.renew(request), over('upstream_refused'))
    assert.equal(facts.denied('sid-1'), 'upstream_refused')
  })

  test('cannot be asked anything ends the session with the trust in its last word', async () => {
    const { renewer, request, service, clock, said, facts } = await scene({}, { session: { uncheckedTimeout: '10m' } })
    service.can.check = false
    assert.equal((await renewer.renew(request)).kind, 'renewed')
    clock.advance(minutes(6))
    assert.deepEqual(await renewer.renew(request), over('upstream_expired'))
    assert.deepEqual(said(), ['renewed', 'renewal_failed upstream_expired'])
    assert.equal(facts.denied('sid-1'), 'upstream_expired')
  })
})

describe('a refresh token', () => {
  test('is used where the service refuses the token, and the session goes on with the new ones', async () => {
    const { renewer, request, service, opened, clock, toldBindings } = await scene(withRefresh)
    service.can.refresh = true
    const answers = [() => refused, () => good({ claims: { name: 'J.' } })]
    service.check = () => (answers.shift() ?? good)()
    service.refresh = () =>
      refreshed({ token: new Secret('token-1'), refreshToken: new Secret('refresh-1'), expiresAt: clock() + hours(1) })
    const { claims, content } = await opened(await renewer.renew(request))
    assert.deepEqual(service.asked, ['check token-0 of 1', 'refresh token-0 of 1', 'check token-1 of 1'])
    assert.equal(content.token.reveal(), 'token-1')
    assert.equal(content.refreshToken?.reveal(), 'refresh-1')
    assert.equal(content.expiresAt, clock() + hours(1))
    assert.equal(content.checkedAt, clock())
    assert.deepEqual(claims.profile, { name: 'J.' })
    assert.deepEqual(toldBindings, [['sid-1', claims.upt]])
  })

  /** The token ends in a moment, so that a refresh is due whatever a check would say. */
  const ending = async (settings: Settings = {}) => {
    const parts = await scene(withRefresh, settings)
    const request = await parts.requestFor({ grant: grantOf({ refreshToken, expiresAt: parts.clock() + minutes(3) }) })
    parts.service.can.refresh = true
    parts.service.refresh = () => refreshed({ token: new Secret('token-1'), refreshToken: new Secret('refresh-1') })
    return { ...parts, request }
  }

  test('is not spent for a request that may not bring the answer home, and its like are answered at once for ten seconds', async () => {
    const { renewer, request, service, clock, said } = await ending()
    const poor = { ...request, maySpend: false }
    assert.deepEqual(await renewer.renew(poor), unavailable)
    // Held for its like, and for nobody who may pay.
    service.can.refresh = false
    clock.advance(seconds(10) - 1)
    assert.deepEqual(await renewer.renew(poor), unavailable)
    assert.deepEqual([service.asked, said()], [[], []])
    clock.advance(1)
    assert.equal((await renewer.renew(poor)).kind, 'renewed')
  })

  test('is spent for a request that may, also right after one that may not', async () => {
    const { renewer, request, service } = await ending()
    assert.deepEqual(await renewer.renew({ ...request, maySpend: false }), unavailable)
    assert.equal((await renewer.renew(request)).kind, 'renewed')
    assert.deepEqual(service.asked, ['refresh token-0 of 1', 'check token-1 of 1'])
  })

  test('is spent by whoever comes after the end of our own token', async () => {
    const { renewer, request } = await ending()
    assert.equal((await renewer.renew({ ...request, maySpend: false, stillValid: false })).kind, 'renewed')
  })

  test('RF-03 is shown once: a copy whose successor is forgotten gets nothing', async () => {
    const { renewer, request, service, clock, said, facts } = await ending()
    assert.equal((await renewer.renew(request)).kind, 'renewed')
    const asked = service.asked.length
    clock.advance(seconds(31))
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.deepEqual(await renewer.renew({ ...request, stillValid: false }), over('upstream_expired'))
    assert.equal(service.asked.length, asked)
    assert.deepEqual(said(), ['renewed', 'renewal_failed upstream_expired'])
    assert.equal(facts.denied('sid-1'), undefined, 'the session that came of it lives on')
  })

  test('RF-03 stays spent for as long as a copy could be shown', async () => {
    const { renewer, request, clock, policy, facts } = await ending()
    const spent: number[] = []
    const spend = facts.spend.bind(facts)
    Object.assign(facts, {
      spend: (fingerprint: string, until: number) => (spent.push(until), spend(fingerprint, until)),
    })
    await renewer.renew(request)
    assert.deepEqual(spent, [request.claims.auth_time * 1000 + policy.absoluteTimeout])
    assert.ok((spent[0] ?? 0) > clock())
  })

  test('that the service leaves as it is can be used again', async () => {
    const { renewer, request, service, clock } = await ending()
    service.refresh = () => refreshed({ token: new Secret('token-1'), refreshToken })
    await renewer.renew(request)
    clock.advance(seconds(31))
    assert.equal((await renewer.renew(request)).kind, 'renewed')
    assert.equal(service.asked.filter((call) => call.startsWith('refresh')).length, 2)
  })

  test('that could not be used is free again, and tried again after ten seconds', async () => {
    const { renewer, request, service, clock, events } = await ending()
    service.refresh = () => ({ ...failed, as: 'upstream_slow' })
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.deepEqual(
      events.map((event) => 'reason' in event && event.reason),
      ['upstream_slow'],
    )
    clock.advance(seconds(10))
    service.refresh = () => refreshed({ token: new Secret('token-1'), refreshToken: new Secret('refresh-1') })
    assert.equal((await renewer.renew(request)).kind, 'renewed')
  })

  test('that is refused costs nothing while our token lasts, and the session when it ends; it is not shown for half a minute', async () => {
    const { renewer, request, service, clock, said, facts } = await ending()
    service.refresh = () => refused
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.deepEqual(said(), ['renewal_failed upstream_refused'])
    clock.advance(seconds(30) - 1)
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.deepEqual(await renewer.renew({ ...request, stillValid: false }), over('upstream_refused'))
    assert.equal(service.asked.length, 1)
    clock.advance(1)
    assert.deepEqual(await renewer.renew({ ...request, stillValid: false }), over('upstream_refused'))
    assert.equal(service.asked.length, 2)
    assert.equal(facts.denied('sid-1'), undefined, 'another process may have traded it')
  })

  test('that brings a token which has ended ends this cookie', async () => {
    const { renewer, request, service, clock, facts } = await ending()
    service.refresh = () => refreshed({ refreshToken: new Secret('refresh-1'), expiresAt: clock() + seconds(1) })
    assert.deepEqual(await renewer.renew(request), over('upstream_expired'))
    assert.equal(facts.denied('sid-1'), undefined)
  })

  test('that brings a token which lasts a moment longer is good', async () => {
    const { renewer, request, service, clock } = await ending()
    service.refresh = () => refreshed({ refreshToken: new Secret('refresh-1'), expiresAt: clock() + seconds(1) + 1 })
    service.can.check = false
    const renewal = await renewer.renew(request)
    assert.equal(renewal.kind, 'renewed')
  })

  test('that brings somebody else’s token ends the session', async () => {
    const { renewer, request, service, facts } = await ending()
    service.refresh = () => refreshed({ refreshToken: new Secret('refresh-1') }, { subject: '2' })
    assert.deepEqual(await renewer.renew(request), over('upstream_refused'))
    assert.equal(facts.denied('sid-1'), 'upstream_refused')
    assert.deepEqual(service.asked, ['refresh token-0 of 1'])
  })

  for (const [what, answer] of [
    ['refused', () => refused],
    ['said to be somebody else’s', () => good({ subject: '2' })],
  ] as const) {
    test(`whose new token is ${what} ends the session`, async () => {
      const { renewer, request, service, facts } = await ending()
      service.check = answer
      assert.deepEqual(await renewer.renew(request), over('upstream_refused'))
      assert.equal(facts.denied('sid-1'), 'upstream_refused')
    })
  }

  test('whose new token nobody can be asked about is good, and its claims are those that came with it', async () => {
    const { renewer, request, service, opened } = await ending()
    service.refresh = () =>
      refreshed({ token: new Secret('token-1') }, { subject: '1', claims: { team: 'blue' }, gone: ['name'] })
    service.check = () => failed
    const { claims, content } = await opened(await renewer.renew(request))
    assert.deepEqual(claims.profile, { team: 'blue' })
    assert.equal(content.token.reveal(), 'token-1')
  })

  test('of a service without a check call is all that there is to say', async () => {
    const { renewer, request, service, opened } = await ending()
    service.can.check = false
    service.refresh = () => refreshed({ token: new Secret('token-1') }, { claims: { name: 'Johnny' } })
    const { claims } = await opened(await renewer.renew(request))
    assert.deepEqual(claims.profile, { name: 'Johnny' })
    assert.deepEqual(service.asked, ['refresh token-0 of 1'])
  })

  describe('that others may be using', () => {
    /** @param states what a claim says, one after the other; the last one stays */
    const claiming = async (...states: Claim[]) => {
      const lives: number[] = []
      const released: string[] = []
      const parts = await ending({
        facts: (own): Facts => ({
          ...own,
          claim: async (_fingerprint, until) => {
            lives.push(until)
            return states.length > 1 ? (states.shift() ?? 'ours') : (states[0] ?? 'ours')
          },
          release: async (fingerprint) => void released.push(fingerprint),
        }),
      })
      return { ...parts, lives, released }
    }

    test('is waited for, ten seconds at most', async () => {
      const { renewer, request, service, waits, lives, clock } = await claiming('taken')
      assert.deepEqual(await renewer.renew({ ...request, stillValid: false }), unavailable)
      assert.deepEqual(service.asked, [])
      assert.equal(waits.length * 50, seconds(10))
      assert.deepEqual(new Set(waits), new Set([50]))
      assert.deepEqual(new Set(lives), new Set([clock() + seconds(80)]))
    })

    test('is used as soon as it is free', async () => {
      const { renewer, request, waits } = await claiming('taken', 'taken', 'ours')
      assert.equal((await renewer.renew(request)).kind, 'renewed')
      assert.equal(waits.length, 2)
    })

    test('is not used while it is not known, except where there is nothing left to lose', async () => {
      const { renewer, request, service, waits } = await claiming('unknown')
      assert.deepEqual(await renewer.renew(request), unavailable)
      assert.deepEqual(service.asked, [])
      assert.equal((await renewer.renew({ ...request, stillValid: false })).kind, 'renewed')
      assert.deepEqual(waits, [])
    })

    test('leads to what came of it, where another process was quicker', async () => {
      const { renewer, request, facts, clock, requestFor, service } = await claiming('spent')
      const { token } = await requestFor()
      const successor = { token, sealed: undefined, setCookies: ['theirs'] }
      let asked = 0
      const { successor: look } = facts
      Object.assign(facts, {
        successor: async (of: Parameters<typeof look>[0]) => ((asked += 1) === 1 ? undefined : look(of)),
      })
      const of = { jti: request.claims.jti, token: request.token, sealed: request.sealed }
      await facts.remember(of, successor, clock() + seconds(30))
      assert.deepEqual(await renewer.renew(request), { kind: 'renewed', successor })
      assert.deepEqual(service.asked, [])
    })

    test('is given back where it was not used up, and not where it was', async () => {
      for (const answer of [() => failed, () => refused, () => refreshed({ refreshToken })]) {
        const { renewer, request, service, released } = await claiming('ours')
        service.refresh = answer
        await renewer.renew(request)
        assert.equal(released.length, 1)
      }
      const { renewer, request, released } = await claiming('ours')
      await renewer.renew(request)
      assert.deepEqual(released, [])
    })
  })
})

describe('a session', () => {
  test('LO-01 that was ended while the service was asked is not brought back', async () => {
    const { renewer, request, service, facts, clock, said, toldBindings } = await scene()
    service.check = () => {
      facts.deny('sid-1', 'revoked', clock() + hours(8))
      return good()
    }
    assert.deepEqual(await renewer.renew(request), over('revoked'))
    assert.deepEqual([said(), toldBindings], [[], []])
  })

  test('that has grown too large keeps its cookie, and the log says by what', async () => {
    const { renewer, request, service, events, clock } = await scene()
    service.check = () => good({ claims: { story: 'x'.repeat(4000) } })
    assert.deepEqual(await renewer.renew(request), unavailable)
    const [bill, failure] = events
    assert.ok(bill?.type === 'cookie_bill')
    assert.equal(bill.sid, 'sid-1')
    assert.ok(bill.bytes > bill.budget && (bill.bill['story'] ?? 0) > 4000)
    const { sid, sub } = request.claims
    assert.deepEqual(failure, {
      reqId: 'request-1',
      type: 'renewal_failed',
      reason: 'cookie_too_large',
      sid,
      sub,
      upstream: 'accounts',
    })
    clock.advance(seconds(10) - 1)
    assert.deepEqual(await renewer.renew(request), unavailable)
    assert.equal(service.asked.length, 1)
    clock.advance(1)
    assert.deepEqual(await renewer.renew({ ...request, stillValid: false }), over('expired'))
  })
})
