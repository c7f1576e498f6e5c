import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createPropagator, readTraceParent, traceHeaders } from '../../src/base/trace.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { minutes } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { eventually } from '../support/settled.ts'

/* W3C Trace Context: what comes is read strictly and goes on; nothing else follows from it. */

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const good = `00-${traceId}-${spanId}-01`
const state = 'rojo=00f067aa0ba902b7,congo@vendor=t61rcWkgMzE'

describe('what is read', () => {
  for (const [what, headers, sampled] of [
    ['a sampled parent', { traceparent: good }, true],
    ['one that is not sampled', { traceparent: `00-${traceId}-${spanId}-00` }, false],
    ['further flags', { traceparent: `00-${traceId}-${spanId}-ff` }, true],
    ['a version to come, with more at its end', { traceparent: `cc-${traceId}-${spanId}-01-what-comes` }, true],
  ] as const)
    test(what, () => assert.deepEqual(readTraceParent(headers), { traceId, spanId, sampled, state: undefined }))

  for (const [what, traceparent] of [
    ['nothing', undefined],
    ['an empty one', ''],
    ['no trace', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['no span', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['the forbidden version', `ff-${traceId}-${spanId}-01`],
    ['capitals', good.toUpperCase()],
    ['more at the end of version 00', `${good}-more`],
    ['more without a dash', `cc-${traceId}-${spanId}-01what`],
    ['too short a trace', `00-${traceId.slice(1)}-${spanId}-01`],
    ['flags of one digit', `00-${traceId}-${spanId}-1`],
    ['space around', ` ${good} `],
    ['two of them', `${good}, ${good}`],
    ['a line break', `${good}\nx: y`],
    ['something else', '<script>alert(1)</script>'],
  ] as const)
    test(`is not ${what}`, () =>
      assert.equal(readTraceParent(traceparent === undefined ? {} : { traceparent, tracestate: state }), undefined))

  for (const [what, tracestate, kept] of [
    ['two members', state, true],
    ['an empty member', `${state},`, true],
    ['space between', 'a=1 , b=2', true],
    ['32 members', Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(','), true],
    ['33 members', Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(','), false],
    ['more than 512 characters', `a=${'x'.repeat(511)}`, false],
    ['a key twice', 'a=1,a=2', false],
    ['no value', 'a', false],
    ['a capital key', 'A=1', false],
    ['a value with `=`', 'a=b=c', false],
    ['nothing', '', false],
  ] as const)
    test(`tracestate with ${what} is ${kept ? 'kept' : 'dropped'}`, () =>
      assert.equal(readTraceParent({ traceparent: good, tracestate })?.state, kept ? tracestate : undefined))

  test('new numbers are as they have to be, and no two alike', () => {
    const { of } = createPropagator(true)
    const traces = Array.from({ length: 1_000 }, () => of({ headers: {} }))
    for (const trace of traces) {
      assert.notEqual(readTraceParent(traceHeaders({ ...trace, state: undefined })), undefined)
      assert.deepEqual(trace.headers(), {}, 'a number of our own would keep others from recording')
    }
    assert.equal(new Set(traces.map((trace) => trace.traceId)).size, 1_000)
    const request = { headers: {} }
    assert.equal(of(request), of(request))
  })
})

describe('where it goes', () => {
  let gateway: Gateway
  let backend: Backend
  const seen: { readonly path: string; readonly parent: unknown; readonly state: unknown }[] = []
  before(async () => {
    backend = await startBackend()
    gateway = await startGateway({
      face: 'server',
      options: () => ({ routes: [{ path: '/app/', backend: backend.origin }] }),
    })
    gateway.service.hear = (path, { traceparent: parent, tracestate }) =>
      void seen.push({ path, parent, state: tracestate })
  })
  beforeEach(() => {
    seen.length = 0
    gateway.logs.length = 0
    backend.reset()
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })
  const records = () =>
    gateway.logs.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === 'request')
  const traced = { traceparent: good, tracestate: state }
  const form = new URLSearchParams({ username: 'john', password: 'password123' }).toString()

  test('to the login service, unchanged, at a sign-in, a check and a sign-out; and into the records', async () => {
    const browser = new BrowserClient(gateway.origin)
    const ours = { ...formPost, origin: gateway.origin, ...traced }
    await browser.send('/_auth/login', 'POST', ours, form)
    gateway.clock.advance(minutes(4))
    assert.equal((await browser.send('/protected', 'GET', { ...navigation, ...traced })).status, 200)
    assert.equal((await browser.send('/things', 'GET', { ...sameOriginFetch, ...traced })).status, 200)
    await browser.send('/_auth/logout', 'POST', ours, '')
    assert.deepEqual(
      seen,
      ['/api/login', '/api/me', '/api/things', '/api/logout'].map((path) => ({ path, parent: good, state })),
    )
    await eventually(() => records().length === 4)
    assert.deepEqual(new Set(records().map((record) => record['trace_id'])), new Set([traceId]))
    const calls = gateway.logs.filter((line) => line.includes('"upstream_call"'))
    assert.equal(calls.length, 3)
    for (const line of calls) assert.equal((JSON.parse(line) as Record<string, unknown>)['trace_id'], traceId)
  })

  test('to a backend, once, whatever spelling it came in', async () => {
    const browser = new BrowserClient(gateway.origin)
    await browser.signIn()
    await browser.send('/app/a', 'GET', { ...navigation, TraceParent: good, TRACESTATE: state })
    const { rawHeaders } = backend.last()
    const named = rawHeaders.filter((_, index) => index % 2 === 0 && /trace/i.test(rawHeaders[index] ?? ''))
    assert.deepEqual(named.toSorted(), ['traceparent', 'tracestate'])
    assert.equal(backend.last().headers['traceparent'], good)
    assert.equal(backend.last().headers['tracestate'], state)
  })

  test('an invalid one goes nowhere, nor what came with it, nor anything in its place: the records have a number of their own', async () => {
    const browser = new BrowserClient(gateway.origin)
    const hostile = { traceparent: `00-${'0'.repeat(32)}-${spanId}-01`, tracestate: 'canary=canary' }
    await browser.send('/_auth/login', 'POST', { ...formPost, origin: gateway.origin, ...hostile }, form)
    await browser.send('/app/a', 'GET', { ...navigation, ...hostile })
    const [login] = seen
    const { traceparent, tracestate } = backend.last().headers
    assert.deepEqual([login?.parent, login?.state], [undefined, undefined])
    assert.deepEqual([traceparent, tracestate], [undefined, undefined])
    await eventually(() => records().length === 2)
    for (const record of records()) assert.match(String(record['trace_id']), /^(?!0{32})[0-9a-f]{32}$/)
    assert.doesNotMatch(gateway.logs.join(''), /canary/)
  })

  test('nowhere, where the configuration says so', async (t) => {
    const quiet = await startGateway({
      face: 'server',
      service: gateway.service,
      options: () => ({
        tracing: { propagate: false },
        routes: [{ path: '/app/', access: 'public', backend: backend.origin }],
      }),
    })
    t.after(() => quiet.close())
    await send(`${quiet.origin}/_auth/login`, 'POST', { ...formPost, origin: quiet.origin, ...traced }, form)
    await send(`${quiet.origin}/app/a`, 'GET', traced)
    assert.deepEqual([seen[0]?.parent, seen[0]?.state], [undefined, undefined])
    assert.equal(backend.last().headers['traceparent'], undefined)
  })
})
