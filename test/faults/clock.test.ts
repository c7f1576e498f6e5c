import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createProcessBuckets, type Cell } from '../../src/life/buckets.ts'
import { createProcessFacts } from '../../src/life/facts.ts'
import { createRevocations } from '../../src/life/revocations.ts'
import { copyOf, open, signedIn } from '../life/timeline.ts'
import { bearerToken, BrowserClient, send, type Answer } from '../support/browser-client.ts'
import { fakeClock, hours, minutes, seconds } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { startSocketBackend } from '../support/socket-backend.ts'
import { openedSocket } from '../support/socket-client.ts'
import { startProgram } from './program.ts'

/*
 * The clock of the machine steps, while everything runs. What is promised by the wall clock is promised by whatever it
 * says now: nothing past its `exp` opens, nothing that was ended comes back, and what was remembered is no better than
 * what is read anew.
 */

const steps = { '1 s': seconds(1), '2 min': minutes(2), '1 h': hours(1), '1 day': hours(24) } as const
/** Seconds that another clock may be ahead of ours (RFC 7519 section 4.1.5). */
const leeway = seconds(60)

describe('TV-09 the clock steps back', () => {
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
    const program = await startProgram(t, { node: ['--import', join(import.meta.dirname, 'stepped-clock.ts')] })
    const client = new BrowserClient(program.origin)
    await client.signIn()
    const settle = async (offset: number, status: number) => {
      writeFileSync(join(program.folder, 'clock'), String(offset))
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

describe('TV-09 the clock steps forward and is put right', () => {
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
