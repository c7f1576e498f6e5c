import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createProcessBuckets, type Cell } from '../../src/life/buckets.ts'
import type { Ending } from '../../src/life/shared-store.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { freePort } from '../support/gateway.ts'
import { redisMissing } from '../support/redis.ts'
import {
  away,
  back,
  clock,
  denial,
  eventually,
  open,
  opened,
  prefix,
  raw,
  redis,
  useRedis,
  warnings,
} from './redis-stores.ts'

/* Stores of several processes with a real Redis between them. */

describe('a store in Redis', { skip: redisMissing }, () => {
  useRedis()

  describe('keeps texts', () => {
    test('for every process with the same prefix, until they are removed', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      const other = await opened(t, { prefix: `${prefix}other:` })
      const until = clock() + minutes(1)
      await one.store.put('a', 'text', until)
      assert.equal(await two.store.get('a'), 'text')
      assert.equal(await other.store.get('a'), undefined)
      assert.equal(await two.store.get('b'), undefined)
      await two.store.put('a', 'newer', until)
      assert.equal(await one.store.get('a'), 'newer')
      await two.store.remove('a')
      assert.equal(await one.store.get('a'), undefined)
    })

    test('where there is none, and says which one there is', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      const until = clock() + minutes(1)
      assert.deepEqual(await one.store.add('a', 'first', until), { state: 'added' })
      assert.deepEqual(await two.store.add('a', 'second', until), { state: 'held', value: 'first' })
      await one.store.remove('a')
      assert.deepEqual(await two.store.add('a', 'second', until), { state: 'added' })
      assert.deepEqual(await one.store.add('empty', '', until), { state: 'added' })
      assert.deepEqual(await two.store.add('empty', '', until), { state: 'held', value: '' })
    })

    test('no longer than they are good', async (t) => {
      const { store } = await opened(t)
      const cell = { key: 'held', each: 1, free: 0, most: 1, refuses: true }
      await store.put('put', 'x', clock() + minutes(1))
      await store.add('add', 'x', clock() + minutes(1))
      await store.buckets.hold(cell, clock() + minutes(1))
      for (const key of ['put', 'add', 'held']) {
        const left = await raw.pTTL(prefix + key)
        assert.ok(left > seconds(30) && left <= minutes(1), `${key}: ${left}`)
      }
      // Nothing is kept for ever because it is over already.
      await store.put('past', 'x', clock() - 1)
      await eventually('it is gone', async () => (await raw.get(`${prefix}past`)) === null)
    })
  })

  describe('tells endings', () => {
    test('to every other process, as they were told', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      const endings: readonly Ending[] = [
        denial('sid-1'),
        denial('sid-2', 'upstream_refused'),
        { ...denial('sid-3'), reason: 'upstream_expired' },
        { sub: 'accounts|1', at: clock(), until: clock() + hours(2) },
      ]
      for (const ending of endings) one.store.tell(ending)
      await eventually('they are heard', () => two.heard.length === endings.length)
      assert.deepEqual(two.heard, endings)
    })

    test('to those that start later, before they are ready, however many they are', async (t) => {
      const one = await opened(t)
      const all = Array.from({ length: 2100 }, (_, index) => `sid-${index}`)
      const writing = raw.multi()
      for (const sid of all)
        writing.xAdd(`${prefix}endings`, '*', { sid, reason: 'revoked', until: String(clock() + hours(1)) })
      await writing.exec()
      one.store.tell(denial('last'))
      await eventually('it is told', async () => (await raw.xLen(`${prefix}endings`)) === 2101)
      const two = await open(t)
      await two.store.ready()
      assert.deepEqual(
        two.heard.map((ending) => ('sid' in ending ? ending.sid : '')),
        [...all, 'last'],
      )
    })

    test('and lets nobody say anything else', async (t) => {
      const two = await opened(t)
      const until = String(clock() + hours(1))
      for (const fields of [
        { sid: 'a', reason: 'welcome', until },
        { sid: 'b', until },
        { sid: 'c', reason: 'revoked' },
        { sid: 'd', reason: 'revoked', until: 'soon' },
        { sid: 'e', reason: 'revoked', until: '1.5' },
        { sub: 'f', until },
        { sub: 'g', at: 'now', until },
        { sub: 'h', at: '1.5', until },
        { at: '1', until },
        { nothing: 'x' },
        { sid: 'good', reason: 'revoked', until },
      ])
        await raw.xAdd(`${prefix}endings`, '*', fields)
      await eventually('the good one is heard', () => two.heard.length > 0)
      assert.deepEqual(two.heard, [denial('good')])
    })

    test('that were told while the store is closed at once', async (t) => {
      const one = await opened(t)
      one.store.tell(denial('sid-1'))
      one.store.tell(denial('sid-2'))
      await one.store.close()
      assert.equal(await raw.xLen(`${prefix}endings`), 2)
      assert.deepEqual(warnings(one), [])
    })

    test('the last of several about one person, also where the first is just being told', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      const until = clock() + hours(1)
      const cutOffs = [1, 2, 3].map((at) => ({ sub: 'accounts|1', at, until }))
      for (const cutOff of cutOffs) one.store.tell(cutOff)
      await eventually('the last is heard', () => two.heard.some((ending) => 'at' in ending && ending.at === 3))
      assert.deepEqual(two.heard.at(-1), cutOffs.at(-1))
    })

    test('and keeps the last 100,000 of them', async (t) => {
      const one = await opened(t)
      const fill = `for entry = 1, 101000 do redis.call('XADD', KEYS[1], '*', 'nothing', 'x') end`
      await raw.eval(fill, { keys: [`${prefix}endings`] })
      one.store.tell(denial('sid-1'))
      let kept = 101_000
      await eventually('it is told', async () => (kept = await raw.xLen(`${prefix}endings`)) !== 101_000)
      // Redis drops whole blocks of entries.
      assert.ok(kept >= 100_000 && kept < 100_500, `${kept}`)
    })

    test('that are over to nobody', async (t) => {
      const one = await opened(t)
      one.store.tell({ sid: 'over', reason: 'revoked', until: clock() })
      one.store.tell(denial('sid-1'))
      await one.store.close()
      assert.equal(await raw.xLen(`${prefix}endings`), 1)
    })

    test('again where the server has lost them, by whoever told or heard them', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      one.store.tell(denial('told'))
      await eventually('it is heard', () => two.heard.length === 1)
      await eventually('the server is known', async () => (await raw.get(`${prefix}mark`)) !== null)
      await one.store.close()
      // Whatever comes next is not what it was.
      two.store.tell(denial('known'))
      await eventually('both look again', () => two.heard.length === 2)
      await raw.del([`${prefix}endings`, `${prefix}mark`])
      const three = await opened(t)
      three.store.tell(denial('new'))
      await eventually(
        'the third hears all of it',
        () => new Set(three.heard.map((it) => 'sid' in it && it.sid)).size === 3,
      )
      assert.deepEqual(
        new Set(three.heard.map((ending) => ('sid' in ending ? ending.sid : ''))),
        new Set(['new', 'told', 'known']),
      )
    })

    test('from the beginning where it has lost them, also by ids that are lower than before', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      one.store.tell(denial('told'))
      await eventually('it is heard', () => two.heard.length === 1)
      await eventually('the server is known', async () => (await raw.get(`${prefix}mark`)) !== null)
      two.store.tell(denial('known'))
      await eventually('it is looked at again', () => two.heard.length === 2)
      const fields = (sid: string) => ({ sid, reason: 'revoked', until: String(clock() + hours(1)) })
      await raw
        .multi()
        .del([`${prefix}endings`, `${prefix}mark`])
        .xAdd(`${prefix}endings`, '1-1', fields('low'))
        .xAdd(`${prefix}endings`, '*', fields('high'))
        .exec()
      await eventually('both are heard', () =>
        ['low', 'high'].every((sid) => two.heard.some((ending) => 'sid' in ending && ending.sid === sid)),
      )
    })

    test('and asks for the next ones once, however long there are none', async (t) => {
      await opened(t)
      const reads = async () => Number(/cmdstat_xread:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1])
      await eventually('it waits', async () => (await raw.clientList()).some(({ cmd }) => cmd === 'xread'))
      const before = await reads()
      for (let count = 0; count < 100; count += 1) await raw.ping()
      assert.ok((await reads()) - before < 10)
    })

    test('once where it has lost nothing', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      for (const sid of ['a', 'b', 'c']) {
        one.store.tell(denial(sid))
        await eventually('it is heard', () => two.heard.some((ending) => 'sid' in ending && ending.sid === sid))
      }
      assert.equal(await raw.xLen(`${prefix}endings`), 3)
    })
  })

  describe('counts attempts as one process would', () => {
    // In minutes: Redis forgets by a clock of its own what is whole again.
    const cell = (key: string, more: Partial<Cell> = {}): Cell => ({
      key,
      each: minutes(10),
      free: minutes(20),
      most: minutes(30),
      refuses: true,
      ...more,
    })

    test('in every cell or in none, wherever they are made', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      const own = createProcessBuckets(clock)
      const lists = [
        [cell('a'), cell('b', { refuses: false })],
        [cell('b', { refuses: false })],
        [cell('a', { each: minutes(3) + 0.7, free: minutes(11) + 0.1 }), cell('c', { most: minutes(15) })],
        [cell('d', { each: 0 })],
      ]
      for (let count = 0; count < 40; count += 1) {
        const cells = lists[count % lists.length] ?? []
        const { store } = count % 2 === 0 ? one : two
        const close = (waits: readonly number[] | undefined) => waits?.map((wait) => Math.round(wait * 100) / 100)
        assert.deepEqual(close(await store.buckets.take(cells)), close(await own.take(cells)), `attempt ${count}`)
        clock.advance(minutes(count % 7))
        if (count % 5 !== 4) continue
        await store.buckets.takeBack(cells)
        await own.takeBack(cells)
      }
    })

    test('and takes back a part of what was counted', async (t) => {
      const { store } = await opened(t)
      const cells = [cell('a'), cell('b')]
      for (let count = 0; count < 3; count += 1) assert.deepEqual(await store.buckets.take(cells), [0, 0])
      await store.buckets.takeBack(cells, cells.slice(1))
      assert.deepEqual(await store.buckets.take(cells), [minutes(10), 0])
      await store.buckets.takeBack(cells, cells.slice(0, 1))
      assert.deepEqual(await store.buckets.take(cells), [0, 0])
    })

    test('and holds a key until the time that was said', async (t) => {
      const [one, two] = [await opened(t), await opened(t)]
      const pause = cell('pause', { each: 0, free: 0, most: hours(1) })
      await one.store.buckets.hold(pause, clock() + minutes(1))
      assert.deepEqual(await two.store.buckets.take([pause]), [minutes(1)])
      clock.advance(minutes(1))
      assert.deepEqual(await two.store.buckets.take([pause]), [0])
    })
  })

  describe('that does not answer', () => {
    test('is asked no more for a second by the clock, says so once, and lets nobody in', async (t) => {
      const one = await opened(t, { timeout: 300 })
      const until = clock() + minutes(1)
      await eventually('it is there', async () => {
        clock.advance(seconds(1))
        await one.store.put('a', 'text', until)
        return (await one.store.get('a')) === 'text'
      })
      const before = warnings(one).length
      assert.equal(before % 2, 0, 'whatever was slow before is over')
      redis.freeze()
      t.after(() => redis.wake())
      assert.equal(await one.store.get('a'), undefined)
      redis.wake()
      const cells = [{ key: 'k', each: 1, free: 1, most: 2, refuses: true }]
      assert.equal(await one.store.get('a'), undefined)
      assert.deepEqual(await one.store.add('b', 'x', until), { state: 'unknown' })
      assert.equal(await one.store.buckets.take(cells), undefined)
      await one.store.buckets.takeBack(cells)
      await one.store.put('c', 'x', until)
      await one.store.remove('a')
      clock.advance(seconds(1) - 1)
      assert.equal(await one.store.get('a'), undefined)
      assert.deepEqual(warnings(one).slice(before), [away('no answer in time')])
      clock.advance(1)
      await eventually('it is asked again', async () => {
        clock.advance(seconds(1))
        return (await one.store.get('a')) === 'text'
      })
      assert.equal(await raw.get(`${prefix}c`), null)
      assert.equal(warnings(one).at(-1), back)
    })

    test('is told all the same, as soon as it does', async (t) => {
      const one = await opened(t)
      const two = await opened(t)
      redis.freeze()
      t.after(() => redis.wake())
      one.store.tell(denial('sid-1'))
      redis.wake()
      await eventually('it is heard', () => two.heard.length === 1)
    })

    test('cannot be reached, until it answers again', async (t) => {
      const one = await opened(t, { timeout: 300 })
      assert.equal(one.store.reachable?.(), true)
      redis.freeze()
      t.after(() => redis.wake())
      await one.store.get('a')
      assert.equal(one.store.reachable?.(), false)
      redis.wake()
      await eventually('it answers', async () => {
        clock.advance(seconds(1))
        await one.store.get('a')
        return one.store.reachable?.() === true
      })
    })

    test('cannot be reached, until it answers again, also where nobody asks', async (t) => {
      const one = await opened(t, { timeout: 300 })
      const before = warnings(one).length
      redis.freeze()
      t.after(() => redis.wake())
      await one.store.get('a')
      assert.equal(one.store.reachable?.(), false)
      redis.wake()
      await eventually('that is said', () => warnings(one).length === before + 2)
      assert.deepEqual(warnings(one).slice(before), [away('no answer in time'), back])
      assert.equal(one.store.reachable?.(), true)
    })

    test('is waited for a while where it has still to be told something, and then no more', async (t) => {
      const one = await opened(t)
      redis.freeze()
      t.after(() => redis.wake())
      one.store.tell(denial('sid-1'))
      await one.store.close()
      redis.wake()
      assert.equal(one.store.reachable?.(), false)
    })

    test('is closed all the same', async (t) => {
      const one = await opened(t)
      redis.freeze()
      t.after(() => redis.wake())
      const before = warnings(one).length
      await one.store.close()
      redis.wake()
      assert.equal(warnings(one).length, before)
    })
  })

  describe('has one connection to ask and one to hear', () => {
    const connections = async () => (await raw.clientList()).length - 1

    test('and none when it is closed', async (t) => {
      await eventually('those before are closed', async () => (await connections()) === 0)
      const one = await opened(t)
      await eventually('both are there', async () => (await connections()) === 2)
      await one.store.close()
      await eventually('they are closed', async () => (await connections()) === 0)
    })

    test('also while the server cannot take what it is told, and is told again until it does', async (t) => {
      const one = await opened(t)
      const refusals = async () =>
        Number(/errorstat_WRONGTYPE:count=(\d+)/.exec(await raw.info('errorstats'))?.[1] ?? 0)
      const [before, said] = [await refusals(), warnings(one).length]
      await raw.set(`${prefix}endings`, 'no stream')
      one.store.tell(denial('sid-1'))
      await eventually('both were tried again', async () => (await refusals()) >= before + 4)
      assert.deepEqual(warnings(one).slice(said), [away('WRONGTYPE')])
      assert.ok((await connections()) <= 2)
      await raw.del(`${prefix}endings`)
      await eventually('it is heard', () => one.heard.length > 0)
      assert.deepEqual(one.heard, [denial('sid-1')])
    })
  })

  test('that is not there is said once, with what is wrong, and lets everybody start', async (t) => {
    const one = await open(t, { url: `redis://127.0.0.1:${await freePort()}` })
    await one.store.ready()
    assert.equal(await one.store.get('a'), undefined)
    assert.deepEqual(await one.store.add('a', 'x', clock() + 1000), { state: 'unknown' })
    assert.deepEqual(warnings(one), [away('ECONNREFUSED')])
    one.store.tell(denial('sid-1'))
    await one.store.close()
  })

  test('that went away and came back empty is told again, and says both once', async (t) => {
    const one = await opened(t)
    one.store.tell(denial('sid-1'))
    await eventually('it is told', async () => (await raw.xLen(`${prefix}endings`)) === 1)
    await eventually('the server is known', async () => (await raw.get(`${prefix}mark`)) !== null)
    // The mark is looked at behind every read.
    one.store.tell(denial('sid-2'))
    await eventually('it is heard', () => one.heard.length === 2)
    await redis.stop()
    await eventually('that is noticed', () => warnings(one).length === 1)
    one.store.tell(denial('sid-3'))
    await redis.start()
    await eventually('it is told again', async () => {
      const found = await raw.xRange(`${prefix}endings`, '-', '+').catch(() => [])
      return new Set(found?.map(({ message }) => message['sid'])).size === 3
    })
    await eventually('that is said', () => warnings(one).length === 2)
    assert.match(warnings(one)[0] ?? '', /^facts\.redis: cannot be asked \((?!Error\))[\w ]+\); each process/)
    assert.equal(warnings(one)[1], back)
  })
})
