import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering } from './support/answering.ts'
import type { Reply } from './support/server.ts'
import { ada, only, typed, type UpstreamOptions } from './support/upstream.ts'

type Refusals = UpstreamOptions['login']['refusals']

const account = { token: 't', id: '1' }

async function outcomeOf(reply: Reply, refusals: Refusals = [], success?: UpstreamOptions['login']['success']) {
  const { upstream, service } = await answering(reply, {
    login: { refusals, ...(success === undefined ? {} : { success }) },
  })
  const outcome = await upstream.signIn(typed(ada))
  // A service counts attempts: whatever comes of it, there is one.
  assert.equal(service.calls.length, 1)
  return outcome
}

const unmatched: readonly (readonly [number, string])[] = [
  [400, 'upstream_bad'],
  [401, 'bad_credentials'],
  [403, 'bad_credentials'],
  [404, 'upstream_bad'],
  [409, 'upstream_bad'],
  [418, 'upstream_bad'],
  [429, 'rate_limited'],
  [500, 'upstream_unavailable'],
  [502, 'upstream_unavailable'],
  [503, 'upstream_unavailable'],
  [301, 'upstream_bad'],
]

for (const [status, as] of unmatched) {
  test(`LG-09 an unmatched ${status} is ${as}`, async () => {
    const outcome = await outcomeOf({ status, body: { error: 'canary' } })
    assert.ok(outcome.kind === 'refused' || outcome.kind === 'failed')
    assert.equal(outcome.as, as)
    assert.equal(outcome.status, status)
    if (outcome.kind === 'failed') assert.match(outcome.detail, new RegExp(String(status)))
    assert.ok(!JSON.stringify(outcome).includes('canary'))
  })
}

test('the first refusal that matches counts, before success', async () => {
  const refusals: Refusals = [
    { body: [{ json: '/code', equals: 1 }], as: 'locked' },
    { body: [{ json: '/code', exists: true }], as: 'password_expired' },
    { status: [200], as: 'rate_limited' },
  ]
  const as = async (body: unknown) => only(await outcomeOf({ body }, refusals), 'refused').as
  assert.equal(await as({ ...account, code: 1 }), 'locked')
  assert.equal(await as({ ...account, code: '1' }), 'password_expired')
  assert.equal(await as(account), 'rate_limited')
})

test('a refusal is told by status, header, cookie or text', async () => {
  const rules: Refusals = [
    { status: [404, 409], as: 'bad_credentials' },
    { headers: [{ name: 'X-Locked', equals: 'yes' }], as: 'locked' },
    { cookies: [{ name: 'expired', exists: true }], as: 'password_expired' },
    { text: { contains: 'try later' }, as: 'rate_limited' },
    { text: { equals: 'down' }, as: 'unavailable' },
  ]
  assert.equal(only(await outcomeOf({ status: 409 }, rules), 'refused').as, 'bad_credentials')
  assert.equal(only(await outcomeOf({ status: 401, headers: { 'x-locked': 'yes' } }, rules), 'refused').as, 'locked')
  assert.equal(
    only(await outcomeOf({ headers: { 'set-cookie': 'expired=1' } }, rules), 'refused').as,
    'password_expired',
  )
  assert.equal(
    only(await outcomeOf({ status: 500, body: '<h1>please try later</h1>' }, rules), 'refused').as,
    'rate_limited',
  )
  assert.equal(only(await outcomeOf({ status: 403, body: ' down\n' }, rules), 'failed').as, 'upstream_unavailable')
})

test('success is every part of its condition', async () => {
  const success = {
    status: [200],
    body: [
      { json: '/code', equals: 0 },
      { json: '/error', exists: false },
    ],
    headers: [{ name: 'X-Ok', exists: true }],
  }
  const ok = { headers: { 'x-ok': '1' } }
  only(await outcomeOf({ ...ok, body: { ...account, code: 0 } }, [], success), 'signed_in')
  only(await outcomeOf({ ...ok, body: { ...account, code: '0' } }, [], success), 'failed')
  only(await outcomeOf({ ...ok, body: { ...account, code: 0, error: null } }, [], success), 'failed')
  only(await outcomeOf({ body: { ...account, code: 0 } }, [], success), 'failed')
  only(await outcomeOf({ ...ok, status: 201, body: { ...account, code: 0 } }, [], success), 'failed')
})

test('what a service asks to wait is passed on with refusals and failures', async () => {
  const wait = { 'retry-after': '30' }
  assert.equal(only(await outcomeOf({ status: 429, headers: wait }), 'refused').retryAfter, 30)
  assert.equal(only(await outcomeOf({ status: 429, headers: { 'X-Retry-After': '7' } }), 'refused').retryAfter, 7)
  // LG-06 a wait that only a locked account is told would tell it from an unknown one.
  assert.equal(only(await outcomeOf({ status: 401, headers: wait }), 'refused').retryAfter, undefined)
  assert.equal(only(await outcomeOf({ status: 503, headers: wait }), 'failed').retryAfter, 30)
  const date = new Date(Date.now() + 60_000).toUTCString()
  const seconds = only(await outcomeOf({ status: 429, headers: { 'retry-after': date } }), 'refused').retryAfter ?? 0
  assert.ok(seconds > 50 && seconds <= 61)
  assert.equal(only(await outcomeOf({ status: 429, headers: { 'retry-after': '999999' } }), 'refused').retryAfter, 3600)
  assert.equal(
    only(await outcomeOf({ status: 429, headers: { 'retry-after': 'soon' } }), 'refused').retryAfter,
    undefined,
  )
})

test('where the answer does not say how long to wait, a rule may', async () => {
  const rules: Refusals = [
    { status: [500], as: 'rate_limited', retryAfter: '10m' },
    { status: [409], as: 'unavailable', retryAfter: '1500ms' },
  ]
  const wait = { 'retry-after': '30' }
  assert.equal(only(await outcomeOf({ status: 500 }, rules), 'refused').retryAfter, 600)
  assert.equal(only(await outcomeOf({ status: 500, headers: wait }, rules), 'refused').retryAfter, 30)
  assert.equal(only(await outcomeOf({ status: 409 }, rules), 'failed').retryAfter, 2)
  assert.equal(only(await outcomeOf({ status: 409, headers: wait }, rules), 'failed').retryAfter, 30)
})

test('a condition on the body is not met by a body that is no JSON, not even by what must be absent', async () => {
  const outcome = await outcomeOf({ body: '<html>' }, [], { body: [{ json: '/error', exists: false }] })
  assert.equal(only(outcome, 'failed').as, 'upstream_bad')
})

test('a redirect meets no condition that does not name its status', async () => {
  const redirect = { status: 302, headers: { location: '/', 'set-cookie': 'sid=1' }, body: account }
  const signedInBy: Refusals = [{ cookies: [{ name: 'sid', exists: true }], as: 'locked' }]
  assert.equal(only(await outcomeOf(redirect, signedInBy), 'failed').as, 'upstream_bad')
  assert.equal(
    only(await outcomeOf(redirect, [{ ...signedInBy[0], status: [302], as: 'locked' }]), 'refused').as,
    'locked',
  )
  only(await outcomeOf(redirect, [], { status: [302] }), 'signed_in')
})

/* LG-01, LG-09: which answers that nobody described may be a no. Each [what, the answer, how the login call is described]. */

type Described = Partial<UpstreamOptions['login']>
type Undescribed = readonly (readonly [string, Reply, Described?])[]

const wrong: Reply = { body: 'The password is wrong.' }
const redirect: Reply = { status: 302, headers: { location: '/login?failed' } }
const page: Reply = { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Back soon</title>' }
const latin1 = Buffer.from('{"error":"contrase\u00f1a"}', 'latin1')
const cookie = { cookies: [{ name: 'sid', exists: true }] }

const mayBeNo: Undescribed = [
  ['a 4xx', { ...page, status: 404 }],
  ['an object', { body: {} }],
  ['a list', { body: [] }],
  ['false', { body: 'false' }],
  ['null', { body: 'null' }],
  ['a number', { body: '0' }],
  ['a string', { body: '"wrong"' }],
  ['JSON that is not UTF-8', { body: latin1 }],
  ['JSON at 201', { status: 201, body: 'false' }],
  ['a text, where success tests one', wrong, { success: { text: { equals: 'Ok.' } } }],
  ['a text, where a refusal tests one', wrong, { refusals: [{ text: { equals: 'locked' }, as: 'locked' }] }],
  ['a text, where the token is one', wrong, { token: { text: true }, subject: { field: 'username' } }],
  ['a redirect, where success tests a text', redirect, { success: { text: { equals: 'Ok.' } } }],
  ['a redirect, where success is another one', redirect, { success: { status: [303] } }],
  ['a redirect without the cookie of success', redirect, { success: { status: [302], ...cookie } }],
  [
    'a redirect that is a success, without the token',
    redirect,
    { success: { status: [302] }, token: { cookie: 'sid' } },
  ],
  ['a redirect, where a refusal is one', redirect, { refusals: [{ status: [307], as: 'bad_credentials' }] }],
  ['the form once more, where success is a redirect', page, { success: { status: [302], ...cookie } }],
]

const isNoWord: Undescribed = [
  ['a page at 200', page],
  ['an empty body at 200', {}],
  ['a text at 200', wrong],
  ['a page at 200, where success tests JSON', page, { success: { body: [{ json: '/ok', equals: true }] } }],
  [
    'a page at 200, where only `unavailable` is a text',
    page,
    { refusals: [{ text: { equals: 'x' }, as: 'unavailable' }] },
  ],
  ['a redirect', redirect],
  ['a redirect with JSON', { ...redirect, body: {} }],
  ['a redirect, where statuses beside 3xx are named', redirect, { success: { status: [200, 299, 400] } }],
  ['a 500 with JSON', { status: 500, body: {} }],
  ['a 503, where success tests a text', { ...wrong, status: 503 }, { success: { text: { equals: 'Ok.' } } }],
]

for (const [table, counts] of [
  [mayBeNo, true],
  [isNoWord, undefined],
] as const) {
  for (const [what, reply, login = {}] of table) {
    test(`LG-09 undescribed, ${what} ${counts === true ? 'may be a no' : 'says nothing'}`, async () => {
      const { upstream } = await answering(reply, { login })
      assert.equal(only(await upstream.signIn(typed(ada)), 'failed').mayBeNo, counts)
    })
  }
}

test('LG-10 undescribed answers to a second request are told by its own description, and to the first by `when` too', async () => {
  const first: Reply = { body: { step: 'code' } }
  const asked = async (replies: readonly Reply[], when: object, success: object) => {
    const { upstream, service } = await answering(() => replies[service.calls.length - 1], {
      secondStep: {
        when,
        carry: { step: { json: '/step' } },
        request: { path: '/code', json: { step: '{step}', user: '{username}' } },
        success,
      },
    })
    return only(await upstream.signIn(typed(ada)), 'failed').mayBeNo
  }
  const due = { body: [{ json: '/step', exists: true }] }
  const done = { text: { equals: 'Ok.' } }
  assert.equal(await asked([first, wrong], due, done), true)
  assert.equal(await asked([first, wrong], due, {}), undefined)
  assert.equal(await asked([wrong], due, done), undefined)
  assert.equal(await asked([redirect], { status: [303] }, {}), true)
  // It is due, and what has to be carried is missing.
  assert.equal(await asked([redirect], { status: [302] }, {}), true)
})

test('LG-09 undescribed answers to the profile call are told by its own description', async () => {
  const asked = async (success: object, last: Reply) => {
    const { upstream, service } = await answering(() => (service.calls.length === 1 ? { body: account } : last), {
      profile: { request: { method: 'GET', path: '/me' }, success },
    })
    return only(await upstream.signIn(typed(ada)), 'failed').mayBeNo
  }
  assert.equal(await asked({ text: { equals: 'Ok.' } }, wrong), true)
  assert.equal(await asked({ status: [200], ...cookie }, wrong), undefined)
})
