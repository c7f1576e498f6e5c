import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering } from './support/answering.ts'
import type { Handler } from './support/server.ts'
import { ada, only, typed, type UpstreamOptions } from './support/upstream.ts'

type Step = NonNullable<UpstreamOptions['secondStep']>

const step: Step = {
  when: { status: [401], body: [{ json: '/need', equals: 'code' }] },
  fields: [
    { name: 'code', label: 'Code' },
    { name: 'pin', label: 'Pin', type: 'password', required: false },
  ],
  carry: { ticket: { json: '/ticket' } },
  request: { path: '/code', json: { user: '{username}', ticket: '{ticket}', code: '{code}', pin: '{pin}' } },
}

/** Asks for a code where the password is right, and has a token for the right code. */
const service: Handler = ({ path, json }) => {
  const sent = json as { readonly password?: string; readonly code?: string; readonly ticket?: string }
  if (path === '/login') {
    if (sent.password === 'no-second-step') return { body: { token: 'direct', id: '1' } }
    if (sent.password !== ada.password) return { status: 401, body: { need: 'password' } }
    return { status: 401, body: { need: 'code', ticket: 77, token: 'not-yet', id: '1' } }
  }
  if (sent.ticket !== '77') return { status: 500 }
  return sent.code === '123456' ? { body: { token: 'after-code', id: '1' } } : { status: 401 }
}

const asked = async () => {
  const found = await answering(service, { secondStep: step })
  return { ...found, outcome: only(await found.upstream.signIn(typed(ada)), 'second_step') }
}

test('LG-10 a step that is due is no sign-in, even where the answer has something like a token', async () => {
  const { outcome, upstream } = await asked()
  assert.deepEqual(
    outcome.fields.map(({ name }) => name),
    ['code', 'pin'],
  )
  assert.deepEqual(outcome.fields, upstream.stepFields)
  assert.equal(outcome.status, 401)
  assert.ok(!JSON.stringify(outcome).includes('not-yet'))
})

test('LG-10 what is kept for the second step holds no password', async () => {
  const { outcome } = await asked()
  assert.deepEqual(outcome.values, { username: 'ada', ticket: '77' })
})

test('the second request has what was typed in both steps and what the first answer gave', async () => {
  const { outcome, upstream, service: at } = await asked()
  const result = only(await upstream.continueSignIn(outcome.values, typed({ code: '123456' })), 'signed_in')
  assert.equal(result.grant.token.reveal(), 'after-code')
  assert.deepEqual(at.calls.at(-1)?.json, { user: 'ada', ticket: '77', code: '123456' })
})

test('LG-10 a wrong code is refused, and the step can be tried again by whoever allows it', async () => {
  const { outcome, upstream } = await asked()
  assert.equal(
    only(await upstream.continueSignIn(outcome.values, typed({ code: '000000' })), 'refused').as,
    'bad_credentials',
  )
  only(await upstream.continueSignIn(outcome.values, typed({ code: '123456' })), 'signed_in')
})

test('an empty code is not sent', async () => {
  const { outcome, upstream, service: at } = await asked()
  assert.equal(
    only(await upstream.continueSignIn(outcome.values, typed({ code: '' })), 'refused').as,
    'bad_credentials',
  )
  assert.equal(at.calls.length, 1)
})

test('where the first answer is no step, refusals and success are as ever', async () => {
  const { upstream } = await answering(service, { secondStep: step })
  assert.equal(only(await upstream.signIn(typed({ ...ada, password: 'wrong' })), 'refused').as, 'bad_credentials')
  assert.equal(
    only(await upstream.signIn(typed({ ...ada, password: 'no-second-step' })), 'signed_in').grant.token.reveal(),
    'direct',
  )
})

test('the step is recognised before refusals, so that its 401 is not a wrong password', async () => {
  const { upstream } = await answering(service, {
    secondStep: step,
    login: { refusals: [{ status: [401], as: 'locked' }] },
  })
  only(await upstream.signIn(typed(ada)), 'second_step')
  assert.equal(only(await upstream.signIn(typed({ ...ada, password: 'wrong' })), 'refused').as, 'locked')
})

test('a step whose values are not in the answer is a fault of the service', async () => {
  const { upstream } = await answering({ status: 401, body: { need: 'code' } }, { secondStep: step })
  const outcome = only(await upstream.signIn(typed(ada)), 'failed')
  assert.equal(outcome.as, 'upstream_bad')
  assert.match(outcome.detail, /ticket/)
})

test('without `when`, every success of the first call goes on, and its refusals do not', async () => {
  const { when: _, ...always } = step
  const refusals = [{ status: [200], body: [{ json: '/error', exists: true }], as: 'bad_credentials' as const }]
  const { upstream } = await answering(
    ({ json }) => ({ body: (json as { password?: string }).password === 'wrong' ? { error: 1 } : { ticket: 'x' } }),
    {
      secondStep: always,
      login: { refusals },
    },
  )
  only(await upstream.signIn(typed(ada)), 'second_step')
  only(await upstream.signIn(typed({ ...ada, password: 'wrong' })), 'refused')
})

test('without fields, the second request follows at once, and may have the password', async () => {
  const { upstream, service: at } = await answering(
    ({ path }) => (path === '/login' ? { headers: { 'x-csrf': 'c-1' } } : { body: { token: 't', id: '1' } }),
    {
      login: { request: { method: 'GET', path: '/login' } },
      secondStep: {
        carry: { csrf: { header: 'X-Csrf' } },
        request: { path: '/go', headers: { 'X-Csrf': '{csrf}' }, form: { u: '{username}', p: '{password}' } },
      },
    },
  )
  only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.equal(at.calls[1]?.headers['x-csrf'], 'c-1')
  assert.equal(at.calls[1].form.get('p'), ada.password)
  assert.equal(at.calls[0]?.headers['x-csrf'], undefined)
})

test('EH-02 a second step that nobody configured is an outcome', async () => {
  const { upstream, service: at } = await answering(service)
  assert.equal(only(await upstream.continueSignIn({}, typed({ code: '1' })), 'failed').as, 'upstream_bad')
  assert.equal(at.calls.length, 0)
})

test('what a service sends and no request can carry is its fault, not a wrong password', async () => {
  const bad = { ...step, request: { ...step.request, headers: { 'X-Ticket': '{ticket}' } } }
  const { upstream } = await answering(
    { status: 401, body: { need: 'code', ticket: 'a\u{1f511}' } },
    { secondStep: bad },
  )
  const { values } = only(await upstream.signIn(typed(ada)), 'second_step')
  assert.equal(only(await upstream.continueSignIn(values, typed({ code: '1' })), 'failed').as, 'upstream_bad')
})
