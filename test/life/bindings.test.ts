import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Secret } from '../../src/base/secret.ts'
import type { Session } from '../../src/life/authentication.ts'
import { createBindings } from '../../src/life/bindings.ts'
import type { SessionSource } from '../../src/life/session.ts'
import type { CheckOutcome } from '../../src/upstream/upstream.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { freshKeys } from '../support/keys.ts'
import { createParts, failed, good, grantOf, refused } from './parts.ts'

/** Whatever is open, and looks at it that come when a test says. */
async function scene(settings: Parameters<typeof createParts>[0] = {}) {
  const parts = await createParts(settings)
  const { policy, maker, say, keys, ring, clock } = parts
  const timers: { readonly milliseconds: number; stopped: boolean; readonly run: () => void }[] = []
  let opening = 0
  const sealer = {
    ...parts.sealer,
    async open(sealed: string, sid: string) {
      opening += 1
      try {
        return await parts.sealer.open(sealed, sid)
      } finally {
        opening -= 1
      }
    },
  }
  const bindings = createBindings(policy, {
    ...parts,
    sealer,
    events: say,
    every(milliseconds, run) {
      const timer = { milliseconds, stopped: false, run }
      timers.push(timer)
      return () => {
        timer.stopped = true
      }
    },
  })

  async function session(more: Partial<SessionSource> = {}): Promise<Session> {
    const carried = await maker.forBrowser(parts.source(more))
    assert.ok(carried.ok)
    const { claims, kid } = carried.minted
    return { kind: 'session', claims, kid }
  }

  const closed: string[] = []
  /** @returns what releases it */
  const open = (name: string, of: Session, sealed = of.claims.upt) => bindings.bind(of, sealed, () => closed.push(name))

  /** One look, and whatever comes of it. */
  async function look(): Promise<void> {
    for (const { stopped, run } of timers) if (!stopped) run()
    do await setImmediate()
    while (opening > 0)
    await setImmediate()
  }

  /** Another sealing key takes the place of the first, which opens nothing any more. */
  async function otherSealingKey(): Promise<void> {
    const signing = keys.filter((key) => 'publicJwk' in key)
    ring.replace([...signing, ...(await freshKeys(clock())).filter((key) => !('publicJwk' in key))])
  }

  return { ...parts, sealer, bindings, timers, session, open, closed, look, otherSealingKey }
}

describe('something long that is open for a session', () => {
  test('ends with its token where sessions have to be bound to a device and this one is not', async () => {
    const { session, open, closed, look, clock } = await scene({ session: { deviceBound: 'require' } })
    const unbound = await session()
    const { claims } = await session({ sid: 'sid-2' })
    open('unbound', unbound)
    open('bound', { ...unbound, claims: { ...claims, cnf: { jkt: 'A'.repeat(43) } } })
    clock.advance(minutes(5) - 1)
    await look()
    assert.deepEqual(closed, [])
    clock.advance(1)
    await look()
    assert.deepEqual(closed, ['unbound'])
  })

  test('is counted, by session and in all, until it ends by itself, once', async () => {
    const { bindings, session, open, closed } = await scene()
    const john = await session()
    const ada = await session({ sid: 'sid-2' })
    const ends = [open('a', john), open('b', john), open('c', ada)]
    assert.deepEqual([bindings.count('sid-1'), bindings.count('sid-2'), bindings.size], [2, 1, 3])
    ends[0]?.()
    ends[0]?.()
    assert.deepEqual([bindings.count('sid-1'), bindings.count('sid-2'), bindings.size], [1, 1, 2])
    ends[1]?.()
    ends[2]?.()
    ends[2]?.()
    assert.deepEqual([bindings.count('sid-1'), bindings.count('sid-2'), bindings.size], [0, 0, 0])
    assert.deepEqual(closed, [])
  })

  test('is looked at from the first to the last, less than half a second apart, by one timer', async () => {
    const { session, open, timers } = await scene()
    const john = await session()
    assert.equal(timers.length, 0)
    const ends = [open('a', john), open('b', john)]
    assert.deepEqual(
      timers.map(({ milliseconds }) => milliseconds),
      [400],
    )
    ends[0]?.()
    assert.equal(timers[0]?.stopped, false)
    ends[1]?.()
    assert.equal(timers[0]?.stopped, true)
    open('c', john)
    assert.deepEqual(
      timers.map(({ stopped }) => stopped),
      [true, false],
    )
  })

  test('is closed with everything else at the end', async () => {
    const { bindings, session, open, closed, timers } = await scene()
    open('a', await session())
    open('b', await session())
    open('c', await session({ sid: 'sid-2' }))
    bindings.close()
    assert.deepEqual([closed, bindings.size, timers[0]?.stopped], [['a', 'b', 'c'], 0, true])
  })

  test('RF-01 outlives its token, and no session: it is closed at the absolute end', async () => {
    const { session, open, closed, look, clock, bindings } = await scene()
    open('a', await session())
    clock.advance(hours(8) - 1)
    await look()
    assert.deepEqual(closed, [])
    clock.advance(1)
    await look()
    assert.deepEqual([closed, bindings.size], [['a'], 0])
  })

  test('for a Bearer token is closed with it, and nobody is asked about it', async () => {
    const { maker, source, open, closed, look, clock, service } = await scene()
    const made = await maker.forClient(source())
    assert.ok(made.ok)
    const { claims, kid } = made.minted
    open('a', { kind: 'access', claims, kid })
    clock.advance(claims.exp * 1000 - clock() - 1)
    await look()
    assert.deepEqual([closed, service.asked], [[], []])
    clock.advance(1)
    await look()
    assert.deepEqual(closed, ['a'])
  })

  test('is closed where a clock was set back far, which would keep it open for as long again', async () => {
    const { session, open, closed, look, clock } = await scene()
    open('a', await session())
    clock.advance(-seconds(60))
    await look()
    assert.deepEqual(closed, [])
    clock.advance(-1)
    await look()
    assert.deepEqual(closed, ['a'])
  })

  test('LO-03 is closed at the next look where its session was ended, and no other is', async () => {
    const { session, open, closed, look, facts, clock } = await scene()
    open('a', await session())
    open('b', await session())
    open('c', await session({ sid: 'sid-2' }))
    await look()
    facts.deny('sid-1', 'revoked', clock() + hours(1))
    await look()
    assert.deepEqual(closed, ['a', 'b'])
    await look()
    assert.deepEqual(closed, ['a', 'b'])
  })

  test('LO-03 is closed at the first look where its session was ended while it was opened', async () => {
    const { session, open, closed, look, facts, clock } = await scene()
    facts.deny('sid-1', 'revoked', clock() + hours(1))
    open('a', await session())
    await look()
    assert.deepEqual(closed, ['a'])
  })

  test('LO-03 is closed where its session was ended and keys were changed at once', async () => {
    const { session, open, closed, look, facts, clock, ring, keys } = await scene()
    open('a', await session())
    await look()
    facts.deny('sid-1', 'revoked', clock() + hours(1))
    ring.replace([...keys, ...(await freshKeys(clock()))])
    await look()
    assert.deepEqual(closed, ['a'])
  })

  test('is closed at the first look where its key was withdrawn while it was opened', async () => {
    const { session, open, closed, look } = await scene()
    open('a', { ...(await session()), kid: 'withdrawn' })
    await look()
    assert.deepEqual(closed, ['a'])
  })

  test('is closed where the key that signed its token was withdrawn, and not where it only retired', async () => {
    const { session, open, closed, look, ring, keys, clock } = await scene()
    open('a', await session())
    const more = await freshKeys(clock())
    ring.replace([...keys, ...more])
    await look()
    assert.deepEqual(closed, [])
    ring.replace(more)
    await look()
    assert.deepEqual(closed, ['a'])
  })
})

describe('the service of a session with something open', () => {
  test('is asked once in the life of a token, and never for a refresh', async () => {
    const { session, open, look, clock, service, policy } = await scene()
    service.can.refresh = true
    open('a', await session())
    open('b', await session())
    clock.advance(policy.tokenTtl - 1)
    await look()
    assert.deepEqual(service.asked, [])
    clock.advance(1)
    await look()
    await look()
    assert.deepEqual(service.asked, ['check token-0 of 1'])
    clock.advance(policy.tokenTtl - 1)
    await look()
    assert.equal(service.asked.length, 1)
    clock.advance(1)
    await look()
    assert.equal(service.asked.length, 2)
  })

  test('is not asked about what was closed just before, nor sooner because of what was open before', async () => {
    const { session, open, look, clock, service, policy, facts } = await scene()
    open('a', await session())
    facts.deny('sid-1', 'revoked', clock() + hours(1))
    const end = open('b', await session({ sid: 'sid-2' }))
    clock.advance(policy.tokenTtl - minutes(1))
    end()
    open('c', await session({ sid: 'sid-2' }))
    clock.advance(minutes(1))
    await look()
    assert.deepEqual(service.asked, [])
  })

  test('is asked about the one that waits longest, whatever was opened later', async () => {
    const { session, open, look, clock, service, policy } = await scene()
    open('a', await session())
    clock.advance(minutes(1))
    open('b', await session())
    clock.advance(policy.tokenTtl - minutes(1))
    await look()
    assert.equal(service.asked.length, 1)
  })

  test('is not asked again while it thinks, and not for as long again after its answer', async () => {
    const { session, open, look, clock, service, policy } = await scene()
    const { promise, resolve } = Promise.withResolvers<CheckOutcome>()
    service.check = () => promise
    open('a', await session())
    clock.advance(policy.tokenTtl)
    await look()
    clock.advance(policy.tokenTtl)
    await look()
    assert.equal(service.asked.length, 1)
    resolve(good())
    await look()
    assert.equal(service.asked.length, 1)
    clock.advance(policy.tokenTtl)
    await look()
    assert.equal(service.asked.length, 2)
  })

  /** @returns what was closed after the service was asked, and after the look that follows */
  async function afterAsking(
    prepare: (parts: Awaited<ReturnType<typeof scene>>) => void,
    source: Partial<SessionSource> = {},
  ) {
    const parts = await scene()
    const { session, open, look, clock, policy, closed } = parts
    open('a', await session(source))
    open('b', await session({ sid: 'sid-2' }))
    prepare(parts)
    clock.advance(policy.tokenTtl)
    await look()
    const once = [...closed]
    await look()
    return { ...parts, once }
  }

  for (const [what, answer] of [
    ['refuses the token', refused],
    ['says that the token is somebody else’s', good({ subject: '2' })],
  ] as const) {
    test(`${what}: the session is over, everywhere`, async () => {
      const { closed, facts, clock, events, policy } = await afterAsking(({ service }) => {
        let asked = 0
        service.check = () => ((asked += 1) === 1 ? answer : good())
      })
      assert.deepEqual(closed, ['a'])
      assert.equal(facts.denied('sid-1'), 'upstream_refused')
      assert.deepEqual(events, [
        {
          type: 'renewal_failed',
          reason: 'upstream_refused',
          sid: 'sid-1',
          sub: 'accounts|1',
          upstream: 'accounts',
          detail: 'asked for an open connection',
        },
      ])
      clock.advance(policy.absoluteTimeout - policy.tokenTtl - 1)
      assert.equal(facts.denied('sid-1'), 'upstream_refused')
      clock.advance(1)
      assert.equal(facts.denied('sid-1'), undefined)
    })
  }

  for (const [what, answer] of [
    ['says that it is good', good()],
    ['says whose it is', good({ subject: '1' })],
    ['cannot be asked', failed],
  ] as const) {
    test(`${what}: it stays open`, async () => {
      const { closed, events, service } = await afterAsking(({ service }) => {
        service.check = () => answer
      })
      assert.deepEqual([closed, events, service.asked.length], [[], [], 2])
    })
  }

  test('refuses a token that may have been traded for a newer one elsewhere: it stays open', async () => {
    const { closed, facts } = await afterAsking(
      ({ service }) => {
        service.can.refresh = true
        let asked = 0
        service.check = () => ((asked += 1) === 1 ? refused : good())
      },
      { grant: grantOf({ refreshToken: new Secret('refresh-0') }) },
    )
    assert.deepEqual(closed, [])
    assert.equal(facts.denied('sid-1'), undefined)
  })

  test('has no check call, or is gone: it stays open', async () => {
    const without = await afterAsking(({ service }) => (service.can.check = false))
    assert.deepEqual([without.closed, without.service.asked], [[], []])
    const gone = await afterAsking(({ upstreams }) => upstreams.clear())
    assert.deepEqual([gone.closed, gone.service.asked, gone.events], [[], [], []])
  })

  test('cannot be asked because nothing is left to show: it is closed, and the session is not ended', async () => {
    for (const sealed of [undefined, 'a.b.c.d.e']) {
      const { session, look, clock, policy, closed, bindings, facts, open } = await scene()
      const john = await session()
      const { upt: _, ...claims } = john.claims
      const bare = { ...john, claims }
      for (const name of ['a', 'b']) bindings.bind(bare, sealed, () => closed.push(name))
      open('c', await session({ sid: 'sid-2' }))
      clock.advance(policy.tokenTtl)
      await look()
      assert.deepEqual(closed, ['a', 'b'])
      assert.equal(facts.denied('sid-1'), undefined)
    }
  })

  test('breaks: the log says so, it stays open, and the service is asked again', async () => {
    const error = new Error('broken')
    const { closed, events, service, clock, policy, look } = await afterAsking(({ service: broken }) => {
      broken.check = () => {
        throw error
      }
    })
    assert.deepEqual(closed, [])
    assert.deepEqual(events[0], {
      type: 'error',
      where: 'open connection',
      error,
      sid: 'sid-1',
      sub: 'accounts|1',
      upstream: 'accounts',
    })
    assert.equal(service.asked.length, 2)
    clock.advance(policy.tokenTtl)
    await look()
    assert.equal(service.asked.length, 4)
  })

  test('is shown the token of its own cookie where the session carries none', async () => {
    const { session, look, clock, policy, service, open } = await scene()
    const john = await session()
    const { upt, ...claims } = john.claims
    open('a', { ...john, claims }, upt)
    clock.advance(policy.tokenTtl)
    await look()
    assert.deepEqual(service.asked, ['check token-0 of 1'])
  })

  describe('is shown the newest token', () => {
    const newer = (token: string) => ({ grant: grantOf({ token: new Secret(token) }) })

    test('that something was opened with, also after it was asked about an older one', async () => {
      const { session, look, clock, policy, service, open } = await scene()
      open('a', await session())
      clock.advance(policy.tokenTtl)
      await look()
      const later = await session({ ...newer('token-1'), signedInAt: clock() - policy.tokenTtl })
      open('b', later)
      clock.advance(policy.tokenTtl)
      await look()
      assert.deepEqual(service.asked, ['check token-0 of 1', 'check token-1 of 1'])
    })

    test('and none that came after it and is older, or as old', async () => {
      const { session, look, clock, policy, service, open } = await scene()
      const old = await session(newer('token-old'))
      clock.advance(seconds(1))
      open('a', await session())
      open('b', old)
      open('c', await session(newer('token-alike')))
      clock.advance(policy.tokenTtl)
      await look()
      assert.deepEqual(service.asked, ['check token-0 of 1'])
    })

    test('of its own cookie too', async () => {
      const { session, look, clock, policy, service, open } = await scene()
      open('a', await session())
      clock.advance(seconds(1))
      const later = await session(newer('token-1'))
      const { upt, ...claims } = later.claims
      open('b', { ...later, claims }, upt)
      clock.advance(policy.tokenTtl)
      await look()
      assert.deepEqual(service.asked, ['check token-1 of 1'])
    })

    test('that a renewal here brought', async () => {
      const { session, look, clock, policy, service, open, bindings, closed } = await scene()
      open('a', await session())
      clock.advance(policy.tokenTtl)
      await look()
      const { claims } = await session(newer('token-1'))
      bindings.renewed('sid-1', claims.upt)
      bindings.renewed('sid-2', 'of nobody')
      clock.advance(policy.tokenTtl)
      await look()
      assert.deepEqual(service.asked, ['check token-0 of 1', 'check token-1 of 1'])
      assert.deepEqual([closed, bindings.size], [[], 1])
    })

    test('that a renewal brought while the one before was being opened', async () => {
      const { session, look, clock, policy, service, open, bindings, sealer } = await scene()
      const { claims } = await session(newer('token-1'))
      const { open: unseal } = sealer
      Object.assign(sealer, {
        async open(sealed: string, sid: string) {
          const content = await unseal(sealed, sid)
          bindings.renewed('sid-1', claims.upt)
          return content
        },
      })
      open('a', await session())
      for (const _ of [1, 2]) {
        clock.advance(policy.tokenTtl)
        await look()
      }
      assert.deepEqual(service.asked, ['check token-0 of 1', 'check token-1 of 1'])
    })
  })

  test('is asked as before once the key that opened the token is gone: what was in it is known', async () => {
    const { session, look, clock, policy, service, open, bindings, closed, otherSealingKey } = await scene()
    const john = await session()
    open('a', john)
    clock.advance(policy.tokenTtl)
    await look()
    await otherSealingKey()
    bindings.renewed('sid-1', john.claims.upt)
    clock.advance(policy.tokenTtl)
    await look()
    assert.deepEqual([service.asked.length, closed], [2, []])
  })
})

test('by default what is open is looked at by a timer, which ends with the last of it', async () => {
  const parts = await scene()
  let looks = 0
  const idle = createBindings(parts.policy, {
    ...parts,
    events: parts.say,
    clock() {
      looks += 1
      return parts.clock()
    },
  })
  const john = await parts.session()
  idle.bind(john, john.claims.upt, () => undefined)()
  looks = 0
  const bindings = createBindings(parts.policy, { ...parts, events: parts.say })
  const { promise, resolve } = Promise.withResolvers<void>()
  parts.facts.deny('sid-1', 'revoked', parts.clock() + hours(1))
  // Its timer holds no process, so something else has to.
  const held = setInterval(() => undefined, 1000)
  bindings.bind(john, john.claims.upt, resolve)
  await promise
  clearInterval(held)
  assert.deepEqual([bindings.size, looks], [0, 0])
})
