import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { createClient } from '@redis/client'
import { Secret } from '../../src/base/secret.ts'
import { redisFindings } from '../../src/cli/doctor/redis.ts'
import { parseOptions } from '../../src/config/load.ts'
import { loopbackOptions } from '../cli/doctor-options.ts'
import { readText } from '../docs/markdown.ts'
import { hours, minutes, seconds } from '../support/clock.ts'
import { redisMissing, startRedis } from '../support/redis.ts'
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
  startName,
  useRedis,
  warnings,
  type Opened,
} from './redis-stores.ts'

/* Whether all is well with a Redis, what is said of it, and who is let in. */

describe('a Redis', { skip: redisMissing }, () => {
  useRedis()

  describe('that does not let the endings be read', () => {
    /** A user who may do all but this. */
    const user = async (t: TestContext, ...but: readonly string[]) => {
      await raw.sendCommand([
        'ACL',
        'SETUSER',
        'reader',
        'reset',
        'on',
        '>password-of-the-reader',
        '~*',
        '+@all',
        ...but,
      ])
      t.after(() => raw.sendCommand(['ACL', 'DELUSER', 'reader']))
      return { username: 'reader', password: new Secret('password-of-the-reader') }
    }

    test('cannot be reached, whatever else it answers, until it does', async (t) => {
      const one = await opened(t, await user(t, '-@blocking'))
      await eventually('that is said', () => warnings(one).length === 1)
      for (let count = 0; count < 5; count += 1) {
        assert.equal(await one.store.get('connected'), 'yes')
        assert.equal(one.store.reachable?.(), false)
      }
      const tries = async () => Number(/cmdstat_xread:.*rejected_calls=(\d+)/.exec(await raw.info('commandstats'))?.[1])
      const before = await tries()
      await eventually('it is tried again', async () => (await tries()) > before + 1)
      assert.deepEqual(warnings(one), [away('NOPERM')])
      await user(t)
      await eventually('it is read', () => warnings(one).length > 1)
      assert.deepEqual(warnings(one), [away('NOPERM'), back])
      assert.equal(one.store.reachable?.(), true)
      one.store.tell(denial('sid-1'))
      await eventually('it is heard', () => one.heard.length === 1)
    })

    test('cannot be reached either where something else stands in their place', async (t) => {
      await raw.set(`${prefix}endings`, 'no stream')
      const one = await opened(t)
      await eventually('that is said', () => warnings(one).length === 1)
      assert.equal(await one.store.get('connected'), 'yes')
      assert.deepEqual(warnings(one), [away('WRONGTYPE')])
      assert.equal(one.store.reachable?.(), false)
    })
  })

  describe('that is read and takes no writes', () => {
    const refused = async () => Number(/errorstat_OOM:count=(\d+)/.exec(await raw.info('errorstats'))?.[1] ?? 0)
    const full = async (t: TestContext) => {
      await raw.configSet('maxmemory', '1')
      const room = () => raw.configSet('maxmemory', '0')
      t.after(room)
      return room
    }
    const read = async (one: Opened) => {
      clock.advance(seconds(1))
      assert.equal(await one.store.get('connected'), 'yes')
    }

    test('says why once, however often it is read meanwhile, until it was told', async (t) => {
      const one = await opened(t)
      const room = await full(t)
      one.store.tell(denial('sid-1'))
      await eventually('that is said', () => warnings(one).length === 1)
      const before = await refused()
      await eventually('it is told again', async () => {
        await read(one)
        assert.equal(one.store.reachable?.(), false)
        return (await refused()) > before + 2
      })
      assert.deepEqual(warnings(one), [away('OOM')])
      await room()
      await eventually('it is told', () => one.heard.length === 1)
      await eventually('that is said', () => one.store.reachable?.() === true)
      assert.deepEqual(warnings(one), [away('OOM'), back])
    })

    test('is tried until it does, also by those who have nothing to write', async (t) => {
      const one = await opened(t)
      await eventually('the server is known', async () => (await raw.get(`${prefix}mark`)) !== null)
      const mark = await raw.get(`${prefix}mark`)
      const room = await full(t)
      await one.store.put('a', 'text', clock() + hours(1))
      const before = await refused()
      await eventually('it is tried', async () => {
        await read(one)
        await one.store.remove('a')
        return (await refused()) > before
      })
      assert.deepEqual(warnings(one), [away('OOM')])
      await room()
      await eventually('that is said', () => one.store.reachable?.() === true)
      assert.deepEqual(warnings(one), [away('OOM'), back])
      assert.equal(await raw.get(`${prefix}mark`), mark)
    })

    test('is read all the same where it was emptied, and told as soon as there is room', async (t) => {
      const one = await opened(t)
      one.store.tell(denial('sid-1'))
      await eventually('it is heard', () => one.heard.length === 1)
      await eventually('the server is known', async () => (await raw.get(`${prefix}mark`)) !== null)
      const room = await full(t)
      await raw.del([`${prefix}endings`, `${prefix}mark`])
      await eventually('that is said', () => warnings(one).length > 0)
      const connected = async () => (await raw.clientList()).map(({ id }) => id)
      const before = await connected()
      const tries = await refused()
      await eventually('it is told again', async () => (await refused()) > tries + 2)
      assert.deepEqual(await connected(), before)
      await room()
      await eventually('it is told', async () => (await raw.xLen(`${prefix}endings`)) > 0)
      await eventually('that is said', () => one.store.reachable?.() === true)
      assert.deepEqual(warnings(one), [away('OOM'), back])
    })

    test('because it is a replica now is left for the one that its name leads to', async (t) => {
      const [old, now] = [await startRedis(), await startRedis()]
      const name = await startName(t, old.url)
      const [oldRaw, nowRaw] = [createClient({ url: old.url }), createClient({ url: now.url })]
      await Promise.all([oldRaw.connect(), nowRaw.connect()])
      const one = await opened(t, { url: name.url })
      t.after(async () => {
        await one.store.close()
        for (const client of [oldRaw, nowRaw]) client.destroy()
        await Promise.all([old.stop(), now.stop()])
      })
      name.leadTo(now.url)
      await oldRaw.sendCommand(['REPLICAOF', '127.0.0.1', new URL(now.url).port])
      one.store.tell(denial('sid-1'))
      await eventually('it is told there', async () => (await nowRaw.xLen(`${prefix}endings`)) > 0)
      await eventually('that is said', () => one.store.reachable?.() === true)
      assert.deepEqual(warnings(one), [away('READONLY'), back])
    })
  })

  describe('on a machine that is gone without a word', () => {
    test('is asked by a new connection after a while', async (t) => {
      const name = await startName(t, redis.url)
      const one = await opened(t, { url: name.url }, seconds(1))
      name.lose()
      one.store.tell(denial('sid-1'))
      await eventually('it is told', async () => (await raw.xLen(`${prefix}endings`)) > 0)
      await eventually('it is heard', () => one.heard.length === 1)
      await eventually('that is said', () => one.store.reachable?.() === true)
      assert.deepEqual(warnings(one), [away('no answer in time'), back])
      assert.equal(await one.store.get('connected'), 'yes')
    })

    test('is read again, and asked again, also where it went while it was being connected to', async (t) => {
      const name = await startName(t, undefined)
      const one = await open(t, { url: name.url }, seconds(1))
      await eventually('it is connected to', () => name.connections() === 2)
      name.leadTo(redis.url)
      const ending = { sid: 'sid-1', reason: 'revoked', until: String(clock() + hours(1)) }
      await raw.xAdd(`${prefix}endings`, '*', ending)
      await eventually('it is heard', () => one.heard.length === 1)
      await eventually('it is asked', () => one.store.reachable?.() === true)
      assert.deepEqual(warnings(one), [away('no answer in time'), back])
    })
  })

  test('with a password, and with a user, lets in who has both', async (t) => {
    const own = await startRedis('password-of-redis')
    t.after(() => own.stop())
    const keeper = createClient({ url: own.url, password: 'password-of-redis' })
    await keeper.connect()
    await keeper.sendCommand(['ACL', 'SETUSER', 'postern', 'on', '>another-password', '~*', '&*', '+@all'])
    keeper.destroy()
    for (const more of [
      { password: new Secret('password-of-redis') },
      { username: 'postern', password: new Secret('another-password') },
    ])
      await opened(t, { url: own.url, ...more })
    const refused = await open(t, { url: own.url, username: 'postern', password: new Secret('password-of-redis') })
    await eventually('that is said', () => warnings(refused).length === 1)
    assert.match(warnings(refused)[0] ?? '', /cannot be asked/)
    assert.equal(await refused.store.get('connected'), undefined)
  })

  test('lets in who may do no more than the document says, also where its address names a database', async (t) => {
    const [, list = ''] = /At Redis it needs no more than ([^;]*);/.exec(readText('docs/operations.md')) ?? []
    const rules = (text: string) => text.match(/\+\w+/g) ?? []
    assert.deepEqual(rules(list).slice(-2), ['+time', '+role'], 'for doctor alone')
    const url = `${redis.url}/1`
    const user = async (...allowed: readonly string[]) => {
      await raw.sendCommand([
        'ACL',
        'SETUSER',
        'least',
        'reset',
        'on',
        '>password-of-the-least',
        `~${prefix}*`,
        ...allowed,
      ])
      return { username: 'least', password: new Secret('password-of-the-least') }
    }
    t.after(() => raw.sendCommand(['ACL', 'DELUSER', 'least']))
    const least = await user(...rules(list).slice(0, -2))
    const [one, two] = [await opened(t, { url, ...least }), await opened(t, { url, ...least })]
    const until = clock() + minutes(1)
    const cell = { key: 'cell', each: minutes(1), free: minutes(1), most: minutes(2), refuses: true }
    assert.deepEqual(await one.store.add('a', 'text', until), { state: 'added' })
    assert.deepEqual(await two.store.add('a', 'other', until), { state: 'held', value: 'text' })
    await one.store.remove('a')
    assert.equal(await two.store.get('a'), undefined)
    assert.deepEqual(await one.store.buckets.take([cell]), [0])
    await one.store.buckets.takeBack([cell])
    await one.store.buckets.hold(cell, until)
    one.store.tell(denial('sid-1'))
    await eventually('it is heard', () => two.heard.length === 1)
    assert.deepEqual([...warnings(one), ...warnings(two)], [])

    const config = { url, prefix, timeout: 1000 }
    const findings = async (allowed: readonly string[]) => {
      const redisConfig = { ...config, ...(await user(...allowed)) }
      const options = { ...parseOptions(loopbackOptions('https://app.example.com')), facts: { redis: redisConfig } }
      return (await redisFindings(options, 2_000)).filter(({ verdict }) => verdict !== 'ok').map(({ says }) => says)
    }
    assert.deepEqual(await findings(rules(list)), [])
    for (const rule of rules(list)) {
      const found = await findings(rules(list).filter((other) => other !== rule))
      assert.equal(found.length, 1, `${rule} is not needed`)
      assert.match(found[0] ?? '', new RegExp(`let this user .*${rule.slice(1)}`, 'i'))
    }
  })
})
