import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createProcessBuckets, type Cell } from '../../src/life/buckets.ts'
import { createProcessFacts } from '../../src/life/facts.ts'
import { createRevocations } from '../../src/life/revocations.ts'
import { copyOf, open, signedIn } from '../life/timeline.ts'
import { bearerToken, BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { addKeys, says, startProgram, type Program } from './program.ts'

/*
 * The clock of the machine steps, while everything runs. What is promised by the wall clock is promised by whatever it
 * says now: nothing past its `exp` opens, nothing that was ended comes back, and what was remembered is no better than
 * what is read anew.
 */

const steps = { '1 s': seconds(1), '2 min': minutes(2), '1 h': hours(1), '1 day': hours(24) } as const
/** Seconds that another clock may be ahead of ours (RFC 7519 section 4.1.5). */
const leeway = seconds(60)

const steppedClock = ['--import', join(import.meta.dirname, 'stepped-clock.ts')]

/** Whole at once: half of a number is another one. */
function setClock({ folder }: Program, offset: number): void {
  writeFileSync(join(folder, 'clock.next'), String(offset))
  renameSync(join(folder, 'clock.next'), join(folder, 'clock'))
}

describe('TV-08 the clock steps back', () => {
  for (const [name, step] of Object.entries(steps)) {
    test(`by ${name}: a token opens as one that was never seen does`, async (t) => {
      const gateway = await open(t)
      const client = await signedIn(gateway)
      const authorization = `Bearer ${await bearerToken(gateway.origin)}`
      const bearer = () => send(`${gateway.origin}/protected`, 'GET', { authorization })
      // Remembered.
      for (const answer of [await client.send('/protected'), await bearer()]) assert.equal(answer.status, 200)
      gateway.clock.advance(-step)
      const isTaken = step <= leeway
      assert.equal((await client.send('/protected')).status, isTaken ? 200 : 303)
      assert.equal((await bearer()).status, isTaken ? 200 : 401)
      // Put right again, and past `exp`.
      gateway.clock.advance(step)
      assert.equal((await bearer()).status, 200)
      assert.equal((await client.send('/protected')).status, 200)
      gateway.clock.advance(minutes(10))
      assert.equal((await bearer()).status, 401)
    })

    test(`by ${name}: nobody who was locked out comes in, and nobody waits longer than before`, async (t) => {
      const gateway = await open(t)
      const attempt = (password: string): Promise<Answer> =>
        send(
          `${gateway.origin}/_auth/login`,
          'POST',
          { 'content-type': 'application/json' },
          JSON.stringify({ username: 'john', password }),
        )
      for (let count = 0; count < 5; count += 1) assert.equal((await attempt('wrong')).status, 401)
      assert.equal((await attempt('password123')).status, 429)
      gateway.clock.advance(-step)
      assert.equal((await attempt('password123')).status, 429)
      gateway.clock.advance(minutes(1))
      assert.equal((await attempt('password123')).status, 200)
    })
  }

  test('of a whole process: it says of the future what it said of the past, and is as before once it is put right', async (t) => {
    const program = await startProgram(t, { node: steppedClock })
    const client = new BrowserClient(program.origin)
    await client.signIn()
    const settle = async (offset: number, status: number) => {
      setClock(program, offset)
      for (let tries = 0; (await client.sendOnly('/_auth/session')).status !== status; tries += 1) {
        assert.ok(tries < 400, `never ${status} at ${offset}`)
        await wait(25)
      }
    }
    await settle(0, 200)
    for (const step of [minutes(2), hours(1), hours(24)]) {
      await settle(-step, 401)
      await settle(0, 200)
    }
    for (const step of [minutes(31), hours(24)]) {
      await settle(step, 401)
      await settle(0, 200)
    }
    await settle(-hours(1), 401)
    assert.equal((await new BrowserClient(program.origin).signIn()).status, 303)
    assert.equal(program.process.exitCode, null)
  })

  test('a socket is closed with the token that opened it', async (t) => {
    const backend = await startSocketBackend()
    t.after(() => backend.close())
    const gateway = await startGateway({
      face: 'server',
      options: () => ({ routes: [{ path: '/', backend: backend.origin }] }),
    })
    t.after(() => gateway.close())
    const client = await signedIn(gateway)
    const headers = { ...client.cookieHeader(), origin: gateway.origin }
    const { closed } = await openedSocket(`${gateway.origin}/socket`, { headers })
    gateway.clock.advance(-minutes(2))
    assert.equal((await closed)[0], 4401)
  })

  test('LO-04 a session that was revoked by name is over, although it began later than that by the clock', () => {
    const revocations = createRevocations()
    const began = 1_000_000
    revocations.replace({
      notBefore: undefined,
      subjects: new Map(),
      sessions: new Map([['s', began * 1000 - 30_000]]),
    })
    assert.ok(revocations.revokes({ sub: 'accounts|1', sid: 's', auth_time: began }))
  })
})

/** Of the token in a cookie. */
const kidOf = ({ cookies }: BrowserClient): unknown => {
  const [token = ''] = [...cookies.values()]
  const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, unknown>
  return header['kid']
}

const publishedBy = async (origin: string): Promise<readonly unknown[]> => {
  const { keys } = (await send(`${origin}/.well-known/jwks.json`)).json() as { keys: readonly { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

describe('KR-03 the clock steps over the time at which a key takes over', () => {
  /** A pair that is used now, and one that takes over in an hour. */
  async function scene(t: TestContext) {
    const clock = fakeClock()
    const [now, then] = [await freshKeys(clock()), await freshKeys(clock() + hours(1))]
    const gateway = await open(t, { clock, keys: [...now, ...then] })
    const works = async (client: BrowserClient) => {
      assert.equal((await client.send('/protected')).status, 200)
      // What the sealing key closed is opened.
      assert.equal((await client.send('/things')).status, 200)
    }
    return { gateway, clock, works, first: now[0]?.kid, second: then[0]?.kid }
  }

  test('forward by hours, and is put right: the next key signs meanwhile and the former one afterwards, and what either made is good when its time comes', async (t) => {
    const { gateway, clock, works, first, second } = await scene(t)
    const john = await signedIn(gateway)
    assert.equal(kidOf(john), first)
    clock.advance(hours(3))
    assert.equal((await copyOf(john).send('/protected')).status, 303)
    const ada = await signedIn(gateway, 'ada')
    assert.equal(kidOf(ada), second)
    await works(ada)
    // Nothing that the former key signed can be alive by this clock.
    assert.deepEqual(await publishedBy(gateway.origin), [second])
    clock.advance(-hours(3))
    assert.deepEqual(await publishedBy(gateway.origin), [first, second])
    await works(john)
    assert.equal((await copyOf(ada).send('/protected')).status, 303)
    assert.equal(kidOf(await signedIn(gateway, 'ada')), first)
    clock.advance(hours(3))
    await works(ada)
  })

  test('back: the former key signs again, and what the next one signed is good as far as it is not of the future', async (t) => {
    const { gateway, clock, works, first, second } = await scene(t)
    clock.advance(hours(1) + seconds(20))
    const client = await signedIn(gateway)
    assert.equal(kidOf(client), second)
    clock.advance(-seconds(50))
    await works(client)
    assert.equal(kidOf(await signedIn(gateway, 'ada')), first)
    clock.advance(-minutes(10))
    assert.equal((await copyOf(client).send('/protected')).status, 303)
    assert.deepEqual(await publishedBy(gateway.origin), [first, second])
    clock.advance(minutes(10))
    await works(client)
  })

  test('of a whole process', async (t) => {
    const program = await startProgram(t, { node: steppedClock })
    const client = new BrowserClient(program.origin)
    await client.signIn()
    const first = kidOf(client)
    await addKeys(join(program.folder, 'keys'), Date.now() + hours(1))
    await says(program, 'signing key', 1)
    const signs = async (offset: number) => {
      setClock(program, offset)
      const someone = new BrowserClient(program.origin)
      await someone.signIn()
      return kidOf(someone)
    }
    const reaches = async (offset: number, isFirst: boolean) => {
      for (let tries = 0; ((await signs(offset)) === first) !== isFirst; tries += 1) {
        assert.ok(tries < 400, `never at ${offset}`)
        await wait(25)
      }
    }
    for (let count = 0; count < 2; count += 1) {
      await reaches(hours(2), false)
      await says(program, 'in use from now on', 2 * count + 1)
      await reaches(0, true)
      await says(program, 'in use from now on', 2 * count + 2)
      assert.equal((await client.sendOnly('/_auth/session')).status, 200)
    }
    assert.equal((await publishedBy(program.origin)).length, 2)
    assert.equal(program.process.exitCode, null)
  })
})

describe('TV-08 the clock steps forward and is put right', () => {
  for (const [name, step] of Object.entries(steps)) {
    test(`by ${name}: nothing opens meanwhile that is over by it, and what was ended stays so`, async (t) => {
      const gateway = await open(t)
      const client = await signedIn(gateway)
      const ended = copyOf(client)
      const other = await signedIn(gateway, 'ada')
      await client.signOut()
      const authorization = `Bearer ${await bearerToken(gateway.origin)}`
      const bearer = () => send(`${gateway.origin}/protected`, 'GET', { authorization })
      assert.equal((await bearer()).status, 200)
      gateway.clock.advance(step)
      assert.equal((await bearer()).status, step < minutes(10) ? 200 : 401)
      assert.equal((await copyOf(other).send('/protected')).status, step < minutes(30) ? 200 : 303)
      assert.equal((await ended.send('/protected')).status, 303)
      const reasons = gateway.events.flatMap((event) => (event.type === 'refused' ? [event.reason] : []))
      // By the cookie of who is signed in still, and by that of who signed out.
      const expected: Readonly<Record<string, readonly string[]>> = {
        '1 s': ['revoked'],
        '2 min': ['revoked'],
        '1 h': ['expired', 'idle', 'revoked'],
        '1 day': ['expired', 'absolute', 'absolute'],
      }
      assert.deepEqual(reasons, expected[name])
      gateway.clock.advance(-step)
      assert.equal((await bearer()).status, 200)
      assert.equal((await other.send('/protected')).status, 200)
      assert.equal((await ended.send('/protected')).status, 303)
    })
  }

  test('LO-03 denials are still known, however many came while it was ahead', () => {
    const clock = fakeClock()
    const facts = createProcessFacts(clock, { entries: 1_000 })
    const until = clock() + hours(8)
    for (let count = 0; count < 100; count += 1) facts.deny(`early-${count}`, 'revoked', until)
    facts.cutOff('accounts|1', clock(), until)
    clock.advance(hours(24))
    for (let count = 0; count < 300; count += 1) {
      facts.deny(`late-${count}`, 'revoked', clock() + hours(8))
      facts.cutOff(`accounts|late-${count}`, clock(), clock() + hours(8))
    }
    clock.advance(-hours(24))
    for (let count = 0; count < 100; count += 1) assert.equal(facts.denied(`early-${count}`), 'revoked')
    assert.equal(facts.cutOffOf('accounts|1'), clock())
  })

  test('LG-01 a bucket that was filled while it was ahead drains from now on', async () => {
    const clock = fakeClock()
    const buckets = createProcessBuckets(clock)
    const cell: Cell = { key: 'k', each: 12_000, free: 48_000, most: 60_000, refuses: true }
    clock.advance(hours(24))
    for (let count = 0; count < 5; count += 1) assert.deepEqual(await buckets.take([cell]), [0])
    // One whose allowance was whole then has it whole now.
    const other = { ...cell, key: 'other' }
    await buckets.take([other])
    await buckets.takeBack([other])
    clock.advance(-hours(24))
    assert.deepEqual(await buckets.take([cell]), [12_000])
    assert.deepEqual(await buckets.take([other]), [0])
    clock.advance(12_000)
    assert.deepEqual(await buckets.take([cell]), [0])
  })
})
