import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { BrowserClient, navigation, sameOriginFetch, type Answer } from '../support/browser-client.ts'
import type { Options } from '../../src/config/options.ts'
import { fakeClock, minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { freshKeys } from '../support/keys.ts'
import { sharedMemory } from '../support/shared-memory.ts'
import { serviceOptions, type Service } from '../support/service.ts'

/*
 * One browser with many tabs, as a model: requests are answered at once, and what the answers set reaches the browser
 * whenever the history says, in any order. The questions are whether anybody becomes someone else, anybody dead comes
 * back, or anybody alive is thrown out.
 */

type Step =
  | { readonly do: 'visit' | 'fetch' | 'sign-in page' | 'sign out' }
  | { readonly do: 'sign in'; readonly as: 'john' | 'ada' }
  | { readonly do: 'deliver'; readonly which: number }
  | { readonly do: 'wait'; readonly milliseconds: number }

const subjects = { john: 'accounts|1', ada: 'accounts|2' } as const

const wait = fc
  .constantFrom(seconds(1), seconds(31), seconds(210), seconds(310), minutes(20), minutes(29), minutes(31))
  .map((milliseconds): Step => ({ do: 'wait', milliseconds }))
const deliver = fc.nat(5).map((which): Step => ({ do: 'deliver', which }))
const visit = fc.constantFrom<Step>({ do: 'visit' }, { do: 'fetch' })
const page = fc.constant<Step>({ do: 'sign-in page' })
const signIn = fc.constantFrom<Step>({ do: 'sign in', as: 'john' }, { do: 'sign in', as: 'ada' })

/** A history while it runs. */
class World {
  readonly gateways: readonly Gateway[]
  readonly browser: BrowserClient
  /** Answers on their way, with what their arrival means. */
  readonly underWay: { readonly answer: Answer; readonly arrive: () => void; readonly signsOut: boolean }[] = []
  readonly owner = new Map<string, string>()
  readonly dead = new Set<string>()
  /** Who the browser last heard it is; undefined = nobody. */
  person: string | undefined

  /** Whether what one process knows all of them know. */
  private readonly share: boolean

  constructor(gateways: readonly Gateway[], share: boolean) {
    this.gateways = gateways
    this.share = share
    const [first] = gateways
    assert.ok(first !== undefined)
    this.browser = new BrowserClient(first.origin, first.clock)
  }

  advance(milliseconds: number): void {
    this.gateways[0]?.clock.advance(milliseconds)
  }

  /** The next request goes to another process than the last one, where there are two. */
  private takeTurns(): void {
    const next = this.gateways.findIndex(({ origin }) => origin === this.browser.origin) + 1
    this.browser.origin = this.gateways[next % this.gateways.length]?.origin ?? ''
  }

  post(answer: Answer, arrive?: () => void): void {
    this.underWay.push({ answer, arrive: arrive ?? (() => undefined), signsOut: arrive !== undefined })
  }

  deliver(which: number): void {
    const [item] = this.underWay.splice(which % Math.max(1, this.underWay.length), 1)
    if (item === undefined) return
    this.browser.take(item.answer)
    item.arrive()
  }

  async visit(headers: Record<string, string>): Promise<Answer> {
    this.takeTurns()
    const answer = await this.browser.sendOnly('/protected', 'GET', headers)
    if (answer.status === 200) {
      const { subject, sessionId } = answer.json() as { subject: string; sessionId: string }
      assert.equal(subject, this.owner.get(sessionId), 'a session answers for the person who signed in')
      assert.ok(!this.dead.has(sessionId), 'a session that was ended does not come back')
      if (this.person !== undefined) assert.equal(subject, this.person, 'nobody becomes someone else')
    }
    this.post(answer)
    return answer
  }

  /** Its answer may delete a cookie that is no good. */
  async signInPage(): Promise<void> {
    this.takeTurns()
    this.post(await this.browser.sendOnly('/_auth/login'))
  }

  /** Arrives before anything else happens: people wait for it. */
  async signIn(as: 'john' | 'ada'): Promise<void> {
    // Nobody signs in again before the answer to signing out has come: that late, it would write an older tombstone
    // (docs/decisions.md).
    while (this.underWay.some(({ signsOut }) => signsOut))
      this.deliver(this.underWay.findIndex(({ signsOut }) => signsOut))
    this.takeTurns()
    const answer = await this.browser.signIn(as)
    assert.equal(answer.status, 303)
    this.person = subjects[as]
    const now = await this.sessionId()
    assert.ok(now !== undefined)
    // Whatever began in this browser before is over, whether a cookie still names it or not.
    for (const before of this.owner.keys()) this.dead.add(before)
    this.owner.set(now, subjects[as])
  }

  async signOut(): Promise<void> {
    this.takeTurns()
    const before = await this.sessionId()
    const answer = await this.browser.sendOnly('/_auth/logout', 'POST', {
      ...navigation,
      'sec-fetch-site': 'same-origin',
    })
    assert.equal(answer.status, 303)
    const all = [...this.owner.keys()]
    const die = () => {
      for (const one of all) this.dead.add(one)
    }
    // The process that did it knows at once; another one when the browser brings the tombstone.
    if ((this.gateways.length === 1 || this.share) && before !== undefined) this.dead.add(before)
    this.post(answer, die)
    this.person = undefined
  }

  /** Of the cookie in the jar, whatever it is good for. */
  async sessionId(): Promise<string | undefined> {
    this.browser.dropEnded()
    const token = this.browser.cookies.get('postern')
    const payload = token?.split('.')[1]
    if (payload === undefined) return undefined
    return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sid: string }).sid
  }
}

async function play(world: World, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    switch (step.do) {
      case 'visit':
        await world.visit(navigation)
        break
      case 'fetch':
        await world.visit(sameOriginFetch)
        break
      case 'sign-in page':
        await world.signInPage()
        break
      case 'sign out':
        await world.signOut()
        break
      case 'sign in':
        await world.signIn(step.as)
        break
      case 'deliver':
        world.deliver(step.which)
        break
      case 'wait':
        world.advance(step.milliseconds)
        break
    }
  }
}

const worlds = [
  { name: 'one process, with a check call', rotating: false, processes: 1, share: false },
  { name: 'one process, with a rotating refresh token', rotating: true, processes: 1, share: false },
  { name: 'two processes that share nothing but keys, with a check call', rotating: false, processes: 2, share: false },
  { name: 'two processes that share facts, with a check call', rotating: false, processes: 2, share: true },
  { name: 'two processes that share facts, with a rotating refresh token', rotating: true, processes: 2, share: true },
]

for (const { name, rotating, processes, share } of worlds) {
  describe(name, () => {
    const gateways: Gateway[] = []

    before(async () => {
      const clock = fakeClock()
      const keys = await freshKeys(clock())
      const storeOf = sharedMemory(clock)
      for (let count = 0; count < processes; count += 1) {
        const [first] = gateways
        const shared = {
          ...(first === undefined ? {} : { service: first.service, publicUrl: first.origin }),
          ...(share ? { store: storeOf() } : {}),
        }
        gateways.push(
          await startGateway({ clock, keys, ...shared, options: (_origin, service) => options(service, rotating) }),
        )
      }
    })

    after(async () => {
      for (const gateway of gateways.toReversed()) await gateway.close()
    })

    test('LO-01 RF-03 in no order of answers does anybody become someone else, or anybody dead come back', async () => {
      const signOut = fc.constant<Step>({ do: 'sign out' })
      const step = fc.oneof(
        { weight: 4, arbitrary: visit },
        { weight: 3, arbitrary: deliver },
        { weight: 2, arbitrary: wait },
        page,
        signIn,
        signOut,
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
          const world = new World(gateways, share)
          await world.signIn('john')
          await play(world, steps)
          // At the end everything arrives.
          while (world.underWay.length > 0) {
            world.deliver(0)
            await world.visit(navigation)
            world.underWay.pop()
          }
        }),
        { numRuns: 120 },
      )
    })

    test('RF-03 nobody who keeps coming within the limits is thrown out, however late the answers are within 30 s', async () => {
      const pause = fc.constantFrom(seconds(1), seconds(12), seconds(210), seconds(310), minutes(20))
      const visits = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })
      const round = fc.record({ visits, order: fc.array(fc.nat(5), { maxLength: 5 }), pause })
      await fc.assert(
        fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 12 }), async (rounds) => {
          const world = new World(gateways, share)
          await world.signIn('john')
          for (const one of rounds) {
            for (const navigates of one.visits) {
              const answer = await world.visit(navigates ? navigation : sameOriginFetch)
              assert.equal(answer.status, 200)
              world.advance(seconds(5))
            }
            for (const which of one.order) world.deliver(which)
            while (world.underWay.length > 0) world.deliver(0)
            world.advance(one.pause)
          }
        }),
        { numRuns: 60 },
      )
    })
  })
}

function options(service: Service, rotating: boolean): Partial<Options> {
  service.refreshes = rotating
  service.expiresIn = rotating ? 300 : undefined
  const accounts = serviceOptions(service.origin)
  const refresh = { request: { path: '/api/refresh', json: { refresh_token: '{refreshToken}' } } }
  const login = { ...accounts.login, refreshToken: { json: '/user/refresh_token' } }
  return {
    upstreams: { accounts: rotating ? { ...accounts, login, refresh } : accounts },
    rateLimit: { login: { perAccountAndAddress: '1000/1s', perAddress: '1000/1s', perAccount: '1000/1s' } },
  }
}
