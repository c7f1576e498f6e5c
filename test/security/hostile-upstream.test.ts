import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { clientCodes } from '../../src/base/reasons.ts'
import { assertLogsAreClean } from '../contract/refusal.ts'
import { BrowserClient, formPost, send, type Answer } from '../support/browser-client.ts'
import { minutes, seconds } from '../support/clock.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { serviceOptions } from '../support/service.ts'
import { eventually } from '../support/settled.ts'
import { canary, hostileAnswers } from './hostile-answers.ts'
import { answerOf, startRawUpstream, type RawUpstream } from './raw-upstream.ts'

/*
 * The attack: the login service, or whoever stands in its place, answers with anything at all, at any of the calls that are
 * made to it. No session comes of it, none ends by it, nothing of it is shown, nothing waits for it longer than it may, and
 * whoever signs in elsewhere does not notice.
 */

let upstream: RawUpstream
let gateway: Gateway
const elsewhere = await startRawUpstream(() => answerOf('{"token":"stolen","id":"2"}'))
before(async () => {
  upstream = await startRawUpstream((path) =>
    path === '/login-step'
      ? answerOf('{"ticket":"ticket-1"}', 'HTTP/1.1 401 X')
      : answerOf('{"token":"token-1","id":"1","refresh":"refresh-1"}'),
  )
  const login = (path: string) =>
    ({
      request: { path, json: { u: '{username}', p: '{password}' } },
      token: { json: '/token' },
      subject: { json: '/id' },
    }) as const
  const common = { kind: 'login', origin: upstream.origin, timeout: '1s', maxResponse: 1_000_000 } as const
  gateway = await startGateway({
    face: 'server',
    options: (_origin, service) => ({
      upstreams: {
        well: serviceOptions(service.origin),
        raw: {
          ...common,
          login: {
            ...login('/login'),
            expiry: { json: '/expires_in', unit: 'seconds' },
            claims: { name: { json: '/name' } },
          },
          check: { request: { method: 'GET', path: '/check' } },
          logout: { request: { path: '/logout' } },
        },
        fresh: {
          ...common,
          login: {
            ...login('/login-fresh'),
            refreshToken: { json: '/refresh' },
            expiry: { lifetime: '6m' },
          },
          refresh: { request: { path: '/refresh', json: { r: '{refreshToken}' } }, concurrent: true },
        },
        told: {
          ...common,
          login: login('/login-told'),
          profile: { request: { method: 'GET', path: '/profile' }, claims: { name: { json: '/name' } } },
          check: { request: { method: 'GET', path: '/check' } },
        },
        steps: {
          ...common,
          login: login('/login-step'),
          check: { request: { method: 'GET', path: '/check' } },
          secondStep: {
            when: { status: [401], body: [{ json: '/ticket', exists: true }] },
            fields: [{ name: 'code', label: 'Code', autocomplete: 'one-time-code' }],
            carry: { ticket: { json: '/ticket' } },
            request: { path: '/code', json: { ticket: '{ticket}', code: '{code}' } },
          },
        },
      },
    }),
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
  await elsewhere.close()
})
function begin(): void {
  gateway.clock.advance(minutes(1))
  upstream.answers.clear()
  upstream.requests.length = 0
  gateway.logs.length = 0
  gateway.events.length = 0
}
beforeEach(begin)

const password = 'canary-password'
const json = { 'content-type': 'application/json' }
const signIn = (key: string, more = {}) =>
  send(
    `${gateway.origin}/_auth/login`,
    'POST',
    json,
    JSON.stringify({ username: 'ada', password, upstream: key, ...more }),
  )

/** What holds after every answer, whatever it was. */
async function assertUnharmed(answer: Answer): Promise<void> {
  const said = `${answer.text}${JSON.stringify(answer.headers)}`
  assert.ok(!said.includes(canary), said)
  assert.equal(({} as { admin?: boolean }).admin, undefined)
  assert.deepEqual(
    gateway.events.filter(({ type }) => type === 'error'),
    [],
  )
  assertLogsAreClean(gateway)
  assert.ok(!gateway.logs.join('').includes(canary), 'nothing of it stands in the log')
  assert.equal(elsewhere.requests.length, 0, 'nobody else is asked')
  assert.equal((await signIn('well', { username: 'john', password: 'password123' })).status, 200, 'others are served')
  // Whatever was poured out or held back: nobody listens to it any more.
  await eventually(() => [...upstream.sockets].every((socket) => socket.writableLength === 0))
}

const answers = hostileAnswers(elsewhere.origin)
/** At the other calls: of those that are waited for, a few. */
const others = answers.filter(
  ({ what, as }) => as !== 'upstream_slow' || what === 'half a body' || what === 'nothing at all',
)

describe('LG-08 at sign-in,', () => {
  for (const { what, as, speak } of answers) {
    test(`${what} is ${as === 'signed in' ? 'understood' : as}`, async () => {
      upstream.answers.set('/login', speak)
      const answer = await signIn('raw')
      assert.equal(upstream.requests.length, 1, 'it is asked once')
      if (as === 'signed in') assert.equal(answer.status, 200, answer.text)
      else {
        assert.equal(answer.status, clientCodes[as].status, `${answer.text} ${gateway.logs.join('')}`)
        assert.equal(answer.json()['code'], as)
        const refusal = gateway.events.find(({ type }) => type === 'sign_in_refused')
        assert.ok(refusal?.type === 'sign_in_refused' && refusal.reason === as)
        assert.ok((refusal.detail ?? '').length > 10, 'the operator is told why')
        assert.ok(gateway.logs.some((line) => line.includes('sign_in_refused') && line.includes(as)))
      }
      await assertUnharmed(answer)
      if (as === 'upstream_slow') await eventually(() => upstream.sockets.size === 0)
    })
  }

  test('a form is answered with the page again, and none of it sets a cookie', async () => {
    for (const { as, speak } of answers.filter(({ as }) => as === 'upstream_bad')) {
      gateway.clock.advance(minutes(1))
      upstream.answers.set('/login', speak)
      const body = new URLSearchParams({ username: 'ada', password, upstream: 'raw' }).toString()
      const answer = await send(`${gateway.origin}/_auth/login`, 'POST', { ...formPost, origin: gateway.origin }, body)
      assert.equal(answer.status, 502, as)
      assert.match(answer.text, /<form/)
      assert.ok(!answer.text.includes(canary) && !answer.text.includes(password))
      assert.deepEqual(answer.setCookies, [])
    }
  })
})

for (const [call, path, key] of [
  ['the profile call', '/profile', 'told'],
  ['the second step', '/code', 'steps'],
] as const) {
  test(`LG-08 LG-10 at ${call}, none of it is a sign-in`, async () => {
    for (const { what, as, isWhole, speak } of others) {
      begin()
      upstream.answers.set(path, speak)
      let answer = await signIn(key)
      if (key === 'steps') {
        const { transaction } = answer.json()
        assert.equal(answer.status, 401, what)
        answer = await signIn(key, { username: undefined, password: undefined, transaction, code: '123456' })
      }
      const failed = as === 'signed in' ? 200 : clientCodes[as].status
      assert.ok(answer.status === failed || (isWhole && answer.status === 200), `${what}: ${answer.text}`)
      await assertUnharmed(answer)
      gateway.clock.advance(minutes(1))
    }
  })
}

for (const [call, path, key] of [
  ['check', '/check', 'raw'],
  ['refresh', '/refresh', 'fresh'],
] as const) {
  test(`LG-09 at ${call}, none of it ends a session, nor lets one go on that has not been asked for`, async () => {
    for (const { what, as, isWhole, speak } of others) {
      begin()
      const browser = new BrowserClient(gateway.origin)
      assert.equal((await browser.signIn('ada', password, { upstream: key })).status, 303, what)
      gateway.clock.advance(minutes(5) + seconds(30))
      upstream.answers.set(path, speak)
      const answer = await browser.send('/protected')
      if (as === 'signed in') assert.equal(answer.status, 200, what)
      else assert.ok(answer.status >= 502 || (isWhole && answer.status === 200), `${what}: ${answer.status}`)
      if (answer.status >= 502) assert.match(String(answer.headers['retry-after'] ?? '1'), /^\d+$/)
      await assertUnharmed(answer)
      upstream.answers.clear()
      gateway.clock.advance(seconds(15))
      if (call === 'check') assert.equal((await browser.send('/protected')).status, 200, `${what}: it goes on`)
    }
  })
}

test('LG-08 at sign-out, whatever is answered, the browser is signed out', async () => {
  for (const { what, as, speak } of others) {
    begin()
    const browser = new BrowserClient(gateway.origin)
    await browser.signIn('ada', password, { upstream: 'raw' })
    upstream.answers.set('/logout', speak)
    const answer = await browser.signOut()
    assert.equal(answer.status, 303, what)
    assert.equal(browser.cookies.has('postern'), false, what)
    const event = gateway.events.findLast(({ type }) => type === 'signed_out')
    assert.ok(event?.type === 'signed_out', what)
    if (as === 'upstream_slow' || as === 'upstream_unavailable') assert.equal(event.upstreamTold, false, what)
    await assertUnharmed(answer)
  }
})
