import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mask } from '../../src/upstream/trace.ts'
import { answering } from './support/answering.ts'
import { ada, only, typed } from './support/upstream.ts'

test('the trace of a sign-in tells each call, each condition and each value in order', async () => {
  const { upstream, trace } = await answering(
    { status: 201, body: { token: 'abcdefghijklmnop', id: 42, code: 0 } },
    {
      login: {
        request: { path: '/login?u={username}', json: { p: '{password}' } },
        refusals: [{ status: [401], as: 'bad_credentials' }],
        success: { status: [201], body: [{ json: '/code', equals: 0 }] },
        claims: { name: { json: '/name' } },
      },
    },
  )
  only(await upstream.signIn(typed(ada)), 'signed_in')
  const [call, ...others] = trace
  assert.ok(call?.type === 'call')
  assert.ok(call.milliseconds >= 0)
  assert.deepEqual(
    { ...call, milliseconds: 0 },
    {
      type: 'call',
      call: 'login',
      method: 'POST',
      path: '/login?u={username}',
      status: 201,
      milliseconds: 0,
      failed: undefined,
    },
  )
  const of = { type: 'extraction', call: 'login', note: undefined, name: undefined }
  assert.deepEqual(others, [
    {
      type: 'condition',
      call: 'login',
      what: 'refusal',
      index: 0,
      as: 'bad_credentials',
      holds: false,
      unmet: 'status',
    },
    {
      type: 'condition',
      call: 'login',
      what: 'success',
      index: undefined,
      as: undefined,
      holds: true,
      unmet: undefined,
    },
    { ...of, what: 'token', where: 'json /token', found: true, masked: 'abc… (16 characters)' },
    { ...of, what: 'refreshToken', where: 'json /refresh', found: false, masked: undefined, note: 'is missing' },
    { ...of, what: 'expiry', where: 'unknown', found: false, masked: undefined, note: 'not known: not configured' },
    { ...of, what: 'subject', where: 'json /id', found: true, masked: '(2 characters)' },
    {
      ...of,
      what: 'claim',
      name: 'name',
      where: 'json /name',
      found: false,
      masked: undefined,
      note: 'is missing',
    },
  ])
})

test('the trace tells what part of a condition does not hold', async () => {
  const { upstream, trace } = await answering(
    { body: { code: 'canary' } },
    {
      login: {
        success: { body: [{ json: '/code', equals: 0 }] },
        refusals: [{ headers: [{ name: 'X-No', exists: true }], as: 'locked' }],
      },
    },
  )
  await upstream.signIn(typed(ada))
  assert.deepEqual(
    trace.flatMap((event) => (event.type === 'condition' ? [event.unmet] : [])),
    ['header x-no', 'body /code'],
  )
  assert.ok(!JSON.stringify(trace).includes('canary'))
})

test('the trace tells why there was no answer, or no call', async () => {
  const { upstream, trace, service } = await answering(
    {},
    { login: { request: { path: '/u/{username}', json: '{password}' } } },
  )
  await upstream.signIn(typed({ ...ada, username: '..' }))
  await service.close()
  await upstream.signIn(typed(ada))
  const failures = trace.flatMap((event) => (event.type === 'call' ? [event.failed?.as] : []))
  assert.deepEqual(failures, ['upstream_bad', 'upstream_unavailable'])
})

test('LL-01 neither what was typed nor a token stands in the trace or in an outcome', async () => {
  const secret = 'canary-token-0123456789'
  const { upstream, trace } = await answering(
    { body: { token: secret, refresh: `${secret}-r`, id: '1', v: `${secret}-v` } },
    { login: { values: { v: { json: '/v' } } } },
  )
  const outcome = only(await upstream.signIn(typed(ada)), 'signed_in')
  await upstream.check(outcome.grant, '1')
  await upstream.refresh(outcome.grant, '1')
  await upstream.end(outcome.grant, '1')
  const told = JSON.stringify(trace)
  assert.ok(!told.includes('canary-'))
  assert.ok(!told.includes('0123456789'))
  assert.ok(!JSON.stringify({ ...outcome, grant: { ...outcome.grant, values: {} } }).includes('canary'))
})

test('a mask shows a length, and three characters of what is long enough', () => {
  assert.equal(mask(''), '(0 characters)')
  assert.equal(mask('elevenchars'), '(11 characters)')
  assert.equal(mask('<html>\u0007 and so on'), '<ht… (17 characters)')
  assert.equal(mask('\u001b[31mred and more'), '?[3… (17 characters)')
})
