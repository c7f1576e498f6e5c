import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PosternEvent } from '../../src/base/events.ts'
import { Secret } from '../../src/base/secret.ts'
import { createProcessBuckets } from '../../src/life/buckets.ts'
import { createLoginLimiter } from '../../src/life/login-limits.ts'
import { createPace } from '../../src/life/pace.ts'
import { signInAt, type SignInInput } from '../../src/life/sign-in.ts'
import type { SignInOutcome, LoginUpstream } from '../../src/upstream/upstream.ts'
import { fakeClock, minutes } from '../support/clock.ts'

describe('a pace', () => {
  test('asks for no waiting while nothing is known', () => {
    assert.equal(createPace().rest(0), 0)
  })

  test('asks for what is left of a usual sign-in, and for nothing after that', () => {
    const pace = createPace()
    pace.note(300)
    assert.deepEqual([pace.rest(0), pace.rest(100), pace.rest(300), pace.rest(5000)], [300, 200, 0, 0])
  })

  test('follows the service, one eighth at a time', () => {
    const pace = createPace()
    pace.note(800)
    pace.note(0)
    assert.equal(pace.rest(0), 700)
    for (let count = 0; count < 100; count += 1) pace.note(100)
    assert.equal(pace.rest(0), 101)
  })

  test('never asks for more than two seconds, nor for less than none', () => {
    const pace = createPace()
    pace.note(60_000)
    assert.equal(pace.rest(0), 2000)
    const turned = createPace()
    turned.note(-5)
    assert.equal(turned.rest(0), 0)
  })
})

type Refusal = Extract<SignInOutcome, { kind: 'refused' }>['as']

const signedIn: SignInOutcome = {
  kind: 'signed_in',
  grant: { token: new Secret('t'), refreshToken: undefined, expiresAt: undefined, values: {} },
  subject: '1',
  claims: {},
  status: 200,
}
const refused = (as: Refusal): SignInOutcome => ({ kind: 'refused', as, status: 401, retryAfter: undefined })

/** A sign-in at a double that takes so long and answers so; everything that happens is noted in its order. */
function scene() {
  const clock = fakeClock()
  const happened: string[] = []
  const limits = { count: 1000, per: minutes(1) }
  const rates = { perAccountAndAddress: limits, perAddress: limits, perAccount: limits }
  const limiter = createLoginLimiter('login', rates, createProcessBuckets(clock), clock)
  let next: { readonly took: number; readonly outcome: SignInOutcome } = { took: 0, outcome: signedIn }
  const answer = async () => {
    clock.advance(next.took)
    happened.push('the service answered')
    return next.outcome
  }
  const upstream = {
    key: 'accounts',
    subjectPrefix: 'accounts',
    fields: [],
    signIn: answer,
    continueSignIn: answer,
  } as unknown as LoginUpstream
  const step = { upstream: 'accounts', values: {}, account: '', browser: undefined }

  async function signIn(took: number, outcome: SignInOutcome, at: { step?: 'second'; upstream?: LoginUpstream } = {}) {
    happened.length = 0
    next = { took, outcome }
    const input: SignInInput = {
      upstream: at.upstream ?? upstream,
      typed: new Map(),
      carrier: 'cookie',
      transaction: at.step === undefined ? undefined : step,
      browser: undefined,
    }
    const tooLarge = { ok: false, bytes: 1, budget: 0, bill: {} } as const
    const result = await signInAt(
      input,
      {},
      {
        // What becomes of a success is no matter here: the service has said yes.
        maker: { forBrowser: async () => tooLarge, forClient: async () => tooLarge },
        limiter,
        transactions: { seal: async () => 'sealed', open: async () => undefined },
        clock,
        events: (event: PosternEvent) => void happened.push(event.type),
        wait: async (milliseconds) => void happened.push(`waited ${milliseconds} ms`),
      },
    )
    happened.push(result.ok ? 'in' : `told ${result.reason}`)
    return happened.filter((what) => what.startsWith('waited'))
  }
  return { signIn, happened, another: () => ({ ...upstream }) }
}

describe('LG-06 a refusal of credentials', () => {
  test('is told at once while nothing is known of the service', async () => {
    const { signIn } = scene()
    assert.deepEqual(await signIn(0, refused('bad_credentials')), [])
  })

  test('that comes at once is told no sooner than a sign-in would be', async () => {
    const { signIn, happened } = scene()
    await signIn(400, signedIn)
    assert.deepEqual(await signIn(3, refused('bad_credentials')), ['waited 397 ms'])
    assert.deepEqual(happened, ['the service answered', 'sign_in_refused', 'waited 397 ms', 'told bad_credentials'])
  })

  test('that came late already waits for nothing', async () => {
    const { signIn } = scene()
    await signIn(400, signedIn)
    assert.deepEqual(await signIn(400, refused('bad_credentials')), [])
    assert.deepEqual(await signIn(900, refused('bad_credentials')), [])
  })

  test('is held back whatever its kind, and by two seconds at most', async () => {
    const { signIn } = scene()
    await signIn(9000, signedIn)
    for (const as of ['bad_credentials', 'locked', 'password_expired'] as const) {
      assert.deepEqual(await signIn(0, refused(as)), ['waited 2000 ms'])
    }
  })

  test('does not change what is usual', async () => {
    const { signIn } = scene()
    await signIn(400, signedIn)
    for (let count = 0; count < 10; count += 1) await signIn(0, refused('bad_credentials'))
    assert.deepEqual(await signIn(0, refused('locked')), ['waited 400 ms'])
  })

  test('is compared with sign-ins at the same upstream', async () => {
    const { signIn, another } = scene()
    await signIn(400, signedIn)
    assert.deepEqual(await signIn(0, refused('bad_credentials'), { upstream: another() }), [])
  })

  test('is compared with the same step: a right password is one even where a code is still due', async () => {
    const { signIn } = scene()
    const due: SignInOutcome = { kind: 'second_step', fields: [], values: {}, status: 401 }
    await signIn(400, due)
    assert.deepEqual(await signIn(0, refused('bad_credentials')), ['waited 400 ms'])
    assert.deepEqual(await signIn(0, refused('bad_credentials'), { step: 'second' }), [])
    await signIn(50, signedIn, { step: 'second' })
    assert.deepEqual(await signIn(0, refused('bad_credentials'), { step: 'second' }), ['waited 50 ms'])
  })
})

test('what is no refusal of credentials is told at once', async () => {
  const { signIn } = scene()
  await signIn(400, signedIn)
  assert.deepEqual(await signIn(0, refused('rate_limited')), [])
  const down: SignInOutcome = {
    kind: 'failed',
    as: 'upstream_unavailable',
    detail: 'down',
    status: 503,
    retryAfter: undefined,
  }
  assert.deepEqual(await signIn(0, down), [])
})
