import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createEndings, withoutSession } from '../../src/life/endings.ts'
import { createProcessFacts } from '../../src/life/facts.ts'
import { createRevocations, noRevocations } from '../../src/life/revocations.ts'
import { createSharedFacts } from '../../src/life/shared-facts.ts'
import type { Ending, SharedStore } from '../../src/life/shared-store.ts'
import { fakeClock } from '../support/clock.ts'

const predecessor = { jti: 'jti-1', token: 'old-token', sealed: 'old-sealed' }
const successor = { token: 'new-token', sealed: undefined, setCookies: ['a=b'] }

describe('what one process knows', () => {
  test('is the first reason that ended a session, until it would be over anyway', () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock)
    facts.deny('sid-1', 'revoked', clock() + 10)
    const { generation } = facts
    facts.deny('sid-1', 'upstream_refused', clock() + 99)
    assert.equal(facts.generation, generation)
    facts.deny('sid-2', 'upstream_refused', clock() + 99)
    assert.notEqual(facts.generation, generation)
    assert.deepEqual(
      [facts.denied('sid-1'), facts.denied('sid-2'), facts.denied('sid-3')],
      ['revoked', 'upstream_refused', undefined],
    )
    clock.advance(10)
    assert.equal(facts.denied('sid-1'), undefined)
  })

  test('is the latest time at which a person was cut off', () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock)
    facts.cutOff('sub', 0, clock() + 10)
    assert.equal(facts.cutOffOf('sub'), 0)
    facts.cutOff('sub', 500, clock() + 10)
    const { generation } = facts
    for (const at of [400, 500]) facts.cutOff('sub', at, clock() + 99)
    assert.deepEqual([facts.cutOffOf('sub'), facts.generation], [500, generation])
    facts.cutOff('sub', 501, clock() + 10)
    assert.deepEqual([facts.cutOffOf('sub'), facts.generation > generation], [501, true])
    clock.advance(10)
    assert.equal(facts.cutOffOf('sub'), undefined)
  })

  test('RF-03 is the successor of a cookie, for whoever brings all of it', async () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock)
    await facts.remember(predecessor, successor, clock() + 10)
    assert.deepEqual(await facts.successor(predecessor), successor)
    for (const other of [{ token: 'other' }, { sealed: 'other' }, { sealed: undefined }, { jti: 'jti-2' }])
      assert.equal(await facts.successor({ ...predecessor, ...other }), undefined, JSON.stringify(other))
    // Moving a part from one to the other makes another proof.
    assert.equal(await facts.successor({ ...predecessor, token: 'old-token\nold', sealed: '-sealed' }), undefined)
    clock.advance(10)
    assert.equal(await facts.successor(predecessor), undefined)
  })

  test('is which refresh tokens were used up', async () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock)
    assert.equal(await facts.claim('print', clock() + 5), 'ours')
    await facts.release('print')
    assert.equal(await facts.claim('print', clock() + 5), 'ours')
    await facts.spend('print', clock() + 10)
    assert.equal(await facts.claim('print', clock() + 5), 'spent')
    assert.equal(await facts.claim('other', clock() + 5), 'ours')
  })

  test('DS-07 is bounded', () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock, { entries: 2 })
    for (const sid of ['a', 'b', 'c']) facts.deny(sid, 'revoked', clock() + 10)
    assert.deepEqual(['a', 'b', 'c'].map(facts.denied), [undefined, 'revoked', 'revoked'])
  })
})

/** A store in memory that can be out of reach. */
function store() {
  const values = new Map<string, string>()
  const told: Ending[] = []
  let hear: (ending: Ending) => void = () => {}
  let away = false
  return {
    values,
    told,
    say: (ending: Ending) => hear(ending),
    goAway() {
      away = true
    },
    shared: {
      hear: (listener: typeof hear) => {
        hear = listener
      },
      tell: (ending: Ending) => void told.push(ending),
      get: async (key: string) => values.get(key),
      put: async (key: string, value: string) => void values.set(key, value),
      async add(key: string, value: string) {
        if (away) return { state: 'unknown' }
        const held = values.get(key)
        if (held !== undefined) return { state: 'held', value: held }
        values.set(key, value)
        return { state: 'added' }
      },
      remove: async (key: string) => void values.delete(key),
    } as unknown as SharedStore,
  }
}

describe('what processes know together', () => {
  test('is every ending that one of them learned, told once', () => {
    const clock = fakeClock()
    const { shared, told } = store()
    const facts = createSharedFacts(createProcessFacts(clock), shared, clock)
    const until = clock() + 10
    facts.deny('sid-1', 'revoked', until)
    facts.deny('sid-1', 'revoked', until)
    facts.cutOff('sub', 500, until)
    assert.deepEqual(told, [
      { sid: 'sid-1', reason: 'revoked', until },
      { sub: 'sub', at: 500, until },
    ])
    assert.deepEqual([facts.denied('sid-1'), facts.cutOffOf('sub')], ['revoked', 500])
    facts.cutOff('sub', 499, until)
    assert.equal(told.length, 2, 'an older cut-off would take the place of the newer one')
    const again = { sub: 'sub', at: 500, until: until + 1 }
    facts.cutOff(again.sub, again.at, again.until)
    assert.deepEqual(told.slice(2), [again], 'the same one lasts longer there')
    const first = { sub: 'other', at: 0, until }
    facts.cutOff(first.sub, first.at, first.until)
    assert.deepEqual(told.slice(3), [first], 'whatever its time is')
  })

  test('is every ending that is heard, unless it is over anyway', () => {
    const clock = fakeClock()
    const { shared, say, told } = store()
    const facts = createSharedFacts(createProcessFacts(clock), shared, clock)
    const { generation } = facts
    say({ sid: 'past', reason: 'revoked', until: clock() })
    assert.equal(facts.generation, generation)
    say({ sid: 'sid-1', reason: 'upstream_refused', until: clock() + 1 })
    say({ sub: 'sub', at: 500, until: clock() + 1 })
    assert.deepEqual([facts.denied('sid-1'), facts.cutOffOf('sub')], ['upstream_refused', 500])
    assert.ok(facts.generation > generation)
    assert.deepEqual(told, [])
  })

  test('RF-03 is a successor that nobody can read or use without the whole old cookie', async () => {
    const clock = fakeClock()
    const { shared, values } = store()
    const one = createSharedFacts(createProcessFacts(clock), shared, clock)
    const other = createSharedFacts(createProcessFacts(clock), shared, clock)
    await one.remember(predecessor, successor, clock() + 10)
    assert.deepEqual(await one.successor(predecessor), successor)
    const { sealed: _, ...carried } = successor
    assert.deepEqual(await other.successor(predecessor), carried)
    const second = { ...predecessor, jti: 'jti-2' }
    await one.remember(second, { ...successor, token: 'second-token' }, clock() + 10)
    assert.deepEqual(await other.successor(predecessor), carried)
    assert.equal((await other.successor(second))?.token, 'second-token')
    const text = [...values.values()].join()
    assert.ok(!text.includes('new-token') && !text.includes('old-token'))
    for (const stranger of [{ token: 'other' }, { sealed: 'other' }, { sealed: undefined }])
      assert.equal(await other.successor({ ...predecessor, ...stranger }), undefined)
    for (const key of values.keys()) values.set(key, 'junk')
    assert.equal(await other.successor(predecessor), undefined)
  })

  test('is a successor only until its time, however long the store keeps it', async () => {
    const clock = fakeClock()
    const { shared } = store()
    const one = createSharedFacts(createProcessFacts(clock), shared, clock)
    const other = createSharedFacts(createProcessFacts(clock), shared, clock)
    await one.remember(predecessor, successor, clock() + 10)
    clock.advance(9)
    assert.ok(await other.successor(predecessor))
    clock.advance(1)
    assert.equal(await other.successor(predecessor), undefined)
  })

  test('is who uses a refresh token, and that it was used up', async () => {
    const clock = fakeClock()
    const until = clock() + 10
    const { shared, goAway } = store()
    const one = createSharedFacts(createProcessFacts(clock), shared, clock)
    const other = createSharedFacts(createProcessFacts(clock), shared, clock)
    assert.equal(await one.claim('print', until), 'ours')
    assert.equal(await other.claim('print', until), 'taken')
    assert.equal(await other.claim('another', until), 'ours')
    await one.release('print')
    assert.equal(await other.claim('print', until), 'ours')
    await other.spend('print', until)
    assert.equal(await one.claim('print', until), 'spent')
    goAway()
    assert.equal(await other.claim('print', until), 'spent')
    assert.equal(await one.claim('print', until), 'unknown')
  })
})

describe('a session is over', () => {
  const clock = fakeClock(50_000)
  const until = clock() + 10
  const claims = { sub: 'sub', sid: 'sid-1', auth_time: 5 }
  const known = () => {
    const facts = createProcessFacts(clock)
    const revocations = createRevocations()
    return { facts, revocations, endings: createEndings(facts, revocations) }
  }

  test('by its own name, or by that of the upstream’s session, for the reason that was given', () => {
    const { facts, endings } = known()
    assert.equal(endings.endedBy(claims), undefined)
    facts.deny('ups-1', 'upstream_refused', until)
    assert.equal(endings.endedBy(claims), undefined)
    assert.equal(endings.endedBy({ ...claims, ups: 'ups-1' }), 'upstream_refused')
    facts.deny('sid-1', 'upstream_expired', until)
    assert.equal(endings.endedBy({ ...claims, ups: 'ups-1' }), 'upstream_expired')
  })

  test('where it began by the time at which its person was cut off, that very second included', () => {
    const { facts, endings } = known()
    facts.cutOff('sub', 5000, until)
    assert.equal(endings.endedBy(claims), 'revoked')
    assert.equal(endings.endedBy({ ...claims, ups: 'ups-1' }), 'revoked')
    assert.equal(endings.endedBy({ ...claims, auth_time: 6 }), undefined)
    assert.equal(endings.endedBy({ ...claims, sub: 'other' }), undefined)
  })

  test('where it names no session of the upstream and those of its person were cut off', () => {
    const { facts, endings } = known()
    facts.cutOff(withoutSession('sub'), 5000, until)
    assert.equal(endings.endedBy(claims), 'revoked')
    assert.equal(endings.endedBy({ ...claims, ups: 'ups-1' }), undefined)
    assert.equal(endings.endedBy({ ...claims, auth_time: 6 }), undefined)
    assert.equal(endings.endedBy({ ...claims, sub: 'other' }), undefined)
  })

  test('where something says so, and not only because it began long ago', () => {
    assert.equal(known().endings.endedBy({ ...claims, auth_time: 0 }), undefined)
    assert.equal(known().endings.endedBy({ ...claims, auth_time: 0, ups: 'ups-1' }), undefined)
  })

  test('where a list says so: for everybody, a person or a session', () => {
    const { revocations, endings } = known()
    const { generation } = endings
    for (const [list, ends] of [
      [{ ...noRevocations, notBefore: 5000 }, true],
      [{ ...noRevocations, notBefore: 4999 }, false],
      [{ ...noRevocations, subjects: new Map([['sub', 5000]]) }, true],
      [{ ...noRevocations, subjects: new Map([['sub', 4999]]) }, false],
      [{ ...noRevocations, subjects: new Map([['sid-1', 5000]]) }, false],
      [{ ...noRevocations, sessions: new Map([['sid-1', 5000]]) }, true],
      [{ ...noRevocations, sessions: new Map([['sid-1', 4999]]) }, true],
      [noRevocations, false],
    ] as const) {
      revocations.replace(list)
      assert.equal(endings.endedBy(claims), ends ? 'revoked' : undefined)
    }
    assert.equal(endings.generation, generation + 8)
  })

  test('and whoever remembers an answer hears of it, from whichever side it came', () => {
    const { facts, revocations, endings } = known()
    const seen = [endings.generation]
    facts.deny('sid-9', 'revoked', until)
    seen.push(endings.generation)
    revocations.replace(noRevocations)
    seen.push(endings.generation)
    assert.equal(new Set(seen).size, 3)
  })
})
