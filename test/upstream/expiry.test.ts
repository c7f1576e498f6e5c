import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../support/clock.ts'
import { answering } from './support/answering.ts'
import type { Reply } from './support/server.ts'
import { ada, only, typed, type UpstreamOptions } from './support/upstream.ts'

type Expiry = UpstreamOptions['login']['expiry']

const clock = fakeClock()
const now = clock()
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Seconds from now; undefined = not known. A sign-in is never lost for it. */
async function seconds(expiry: Expiry, body: object = {}, headers: Reply['headers'] = {}): Promise<number | undefined> {
  const { upstream } = await answering(
    { body: { token: `h.${part({ exp: now / 1000 + 70 })}.s`, id: '1', ...body }, headers },
    { login: expiry === undefined ? {} : { expiry } },
    clock,
  )
  const { expiresAt } = only(await upstream.signIn(typed(ada)), 'signed_in').grant
  return expiresAt === undefined ? undefined : (expiresAt - now) / 1000
}

test('every form of an end is understood', async () => {
  assert.equal(await seconds(undefined), undefined)
  assert.equal(await seconds('never'), undefined)
  assert.equal(await seconds({ lifetime: '2h' }), 7200)
  assert.equal(await seconds({ json: '/e' }, { e: 60 }), 60)
  assert.equal(await seconds({ json: '/e' }, { e: '60' }), 60)
  assert.equal(await seconds({ json: '/e', unit: 'milliseconds' }, { e: 60_000 }), 60)
  assert.equal(await seconds({ json: '/e', unit: 'epoch' }, { e: now / 1000 + 60 }), 60)
  assert.equal(await seconds({ json: '/e', unit: 'epoch-milliseconds' }, { e: now + 60_000 }), 60)
  assert.equal(await seconds({ json: '/e', unit: 'iso' }, { e: '2026-11-24T12:01:00.123456Z' }), 60.123)
  assert.equal(await seconds({ json: '/e', unit: 'http-date' }, { e: 'Tue, 24 Nov 2026 12:01:00 GMT' }), 60)
  assert.equal(await seconds({ header: 'X-Expires-In' }, {}, { 'x-expires-in': '60' }), 60)
  assert.equal(await seconds({ jwt: '/exp' }), 70)
  const base = { json: '/from', unit: 'iso' } as const
  assert.equal(await seconds({ json: '/e', base }, { e: 60, from: '2026-11-24T11:59:30Z' }), 30)
  assert.equal(await seconds({ json: '/e', base: { json: '/from' } }, { e: 60, from: now / 1000 - 10 }), 50)
  assert.equal(await seconds({ cookieAge: 'c' }, {}, { 'set-cookie': 'c=1; Max-Age=60' }), 60)
  assert.equal(
    await seconds({ cookieAge: 'c' }, {}, { 'set-cookie': 'c=1; Expires=Tue, 24-Nov-2026 12:01:00 GMT' }),
    60,
  )
})

test('what is not understood is not known, and the sign-in stands', async () => {
  const unknown: readonly (readonly [Expiry, object?, Reply['headers']?])[] = [
    [{ json: '/e' }],
    [{ json: '/e' }, { e: null }],
    [{ json: '/e' }, { e: 'soon' }],
    [{ json: '/e' }, { e: 0 }],
    [{ json: '/e' }, { e: -1 }],
    [{ json: '/e' }, { e: {} }],
    [{ json: '/e', unit: 'iso' }, { e: now }],
    [{ json: '/e', unit: 'epoch' }, { e: 1e300 }],
    [{ json: '/e', unit: 'milliseconds' }, { e: 8.64e15 }],
    [{ json: '/e', base: { json: '/from' } }, { e: 60 }],
    [
      { json: '/e', base: { json: '/from' } },
      { e: 60, from: 'x' },
    ],
    [{ jwt: '/nbf' }],
    [{ header: 'X-Nothing' }],
    [{ cookieAge: 'c' }],
    [{ cookieAge: 'c' }, {}, { 'set-cookie': 'c=1' }],
  ]
  for (const [expiry, body, headers] of unknown) {
    assert.equal(await seconds(expiry, body, headers), undefined, JSON.stringify([expiry, body, headers]))
  }
})

test('an end in the past is told as it is, so that a wrong unit or clock is seen', async () => {
  assert.equal(await seconds({ json: '/e', unit: 'epoch' }, { e: now / 1000 - 1 }), -1)
  assert.equal(await seconds({ json: '/e', unit: 'epoch-milliseconds' }, { e: 1000 }), 1 - now / 1000)
})

test('why an end is not known is told to the trace', async () => {
  const { upstream, trace } = await answering(
    { body: { token: 't', id: '1', e: 'canary' } },
    { login: { expiry: { json: '/e' } } },
  )
  await upstream.signIn(typed(ada))
  const [told] = trace.flatMap((event) => (event.type === 'extraction' && event.what === 'expiry' ? [event] : []))
  assert.equal(told?.where, 'json /e')
  assert.equal(told.found, false)
  assert.match(told.note ?? '', /not of the unit seconds/)
})
