import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering } from './support/answering.ts'
import type { Reply } from './support/server.ts'
import { only, someGrant, type UpstreamOptions } from './support/upstream.ts'

type Check = NonNullable<UpstreamOptions['check']>

async function checked(reply: Reply, check: Partial<Check> = {}, timeout = '10s') {
  const { upstream } = await answering(reply, { check: { request: { method: 'GET', path: '/me' }, ...check }, timeout })
  const outcome = await upstream.check(someGrant(), 's-1')
  assert.ok(!JSON.stringify(outcome).includes('canary'))
  return outcome
}

const mustHaveId = { body: [{ json: '/id', exists: true }] }

const answers: readonly (readonly [string, Reply, Partial<Check>, string])[] = [
  ['200', {}, {}, 'good'],
  ['204', { status: 204 }, {}, 'good'],
  ['401', { status: 401 }, {}, 'refused'],
  ['403', { status: 403 }, {}, 'refused'],
  ['400', { status: 400 }, {}, 'upstream_bad'],
  ['404', { status: 404 }, {}, 'upstream_bad'],
  ['429', { status: 429 }, {}, 'upstream_unavailable'],
  ['500', { status: 500 }, {}, 'upstream_unavailable'],
  ['503', { status: 503 }, {}, 'upstream_unavailable'],
  ['a redirect', { status: 302, headers: { location: '/' } }, {}, 'upstream_bad'],
  ['{} at 200 where an id must be', { body: {} }, { success: mustHaveId }, 'refused'],
  ['null at 200 where an id must be', { body: 'null' }, { success: mustHaveId }, 'refused'],
  ['a page at 200 where an id must be', { body: '<html>canary</html>' }, { success: mustHaveId }, 'upstream_bad'],
  ['nothing at 200 where an id must be', {}, { success: mustHaveId }, 'upstream_bad'],
  [
    'an error object at 500 where an id must be',
    { status: 500, body: {} },
    { success: mustHaveId },
    'upstream_unavailable',
  ],
  ['a wrong word at 200', { body: 'no' }, { success: { text: { equals: 'yes' } } }, 'refused'],
  ['400 described as refused', { status: 400 }, { refusals: [{ status: [400], as: 'refused' }] }, 'refused'],
  [
    '401 described as unavailable',
    { status: 401 },
    { refusals: [{ status: [401], as: 'unavailable' }] },
    'upstream_unavailable',
  ],
  [
    'an error inside 200',
    { body: { code: 7 } },
    { refusals: [{ body: [{ json: '/code', equals: 7 }], as: 'refused' }] },
    'refused',
  ],
  // The login answer has its subject in JSON, and so has the check what it does not say itself.
  ['a page at 200', { body: '<html>canary</html>' }, {}, 'upstream_bad'],
  ['bytes at 200', { body: Buffer.of(0xff, 0xfe, 0x00) }, {}, 'upstream_bad'],
  ['blanks at 200', { body: ' \r\n' }, {}, 'good'],
  ['JSON without the subject', { body: { other: 1 } }, {}, 'good'],
  ['null at 200 where claims are read', { body: 'null' }, { claims: { a: { json: '/a' } } }, 'upstream_bad'],
  ['a list at 200 where claims are read', { body: '[]' }, { claims: { a: { json: '/a' } } }, 'upstream_bad'],
  ['a page at 200 where a claim is read', { body: '<html>' }, { claims: { a: { json: '/a' } } }, 'upstream_bad'],
  ['a page at 200 where the subject is read', { body: '<html>' }, { subject: { json: '/id' } }, 'upstream_bad'],
  [
    'a page at 200 where all is in headers',
    { body: '<html>', headers: { 'x-id': '1' } },
    { subject: { header: 'X-Id' }, claims: {} },
    'good',
  ],
  ['the right word at 200', { body: 'yes\n' }, { success: { text: { equals: 'yes' } } }, 'good'],
  [
    'the right word at 200 where a claim is read as well',
    { body: 'yes' },
    { success: { text: { equals: 'yes' } }, claims: { a: { json: '/a' } } },
    'upstream_bad',
  ],
  ['{} at 200 where the subject is read', { body: {} }, { subject: { json: '/id' } }, 'upstream_bad'],
  ['an empty id where the subject is read', { body: { id: '' } }, { subject: { json: '/id' } }, 'upstream_bad'],
  ['nothing at 200 where the subject is read', {}, { subject: { json: '/id' } }, 'good'],
  ['nothing at 204 where the subject is read', { status: 204 }, { subject: { json: '/id' } }, 'good'],
  ['nothing at 200 where the subject is in a header', {}, { subject: { header: 'X-Id' } }, 'upstream_bad'],
]

for (const [what, reply, check, expected] of answers) {
  test(`a check that is answered ${what} is ${expected}`, async () => {
    const outcome = await checked(reply, check)
    assert.equal(outcome.kind === 'failed' ? outcome.as : outcome.kind, expected)
  })
}

test('a check that gets no answer ends nothing', async () => {
  const { upstream, service } = await answering(() => undefined, { timeout: '200ms' })
  assert.equal(only(await upstream.check(someGrant(), 's-1'), 'failed').as, 'upstream_slow')
  await service.close()
  assert.equal(only(await upstream.check(someGrant(), 's-1'), 'failed').as, 'upstream_unavailable')
})

test('a failure passes on what the service asks to wait', async () => {
  assert.equal(only(await checked({ status: 503, headers: { 'retry-after': '9' } }), 'failed').retryAfter, 9)
})

test('a check tells whom the token speaks for now, and the claims that it has', async () => {
  const places = { subject: { json: '/id' }, claims: { name: { json: '/name' }, team: { json: '/team' } } }
  const good = only(await checked({ body: { id: 9, name: 'New', team: null } }, places), 'good')
  assert.equal(good.subject, '9')
  assert.deepEqual({ ...good.claims }, { name: 'New' })
  const silent = only(await checked({ body: {} }, { claims: places.claims }), 'good')
  assert.equal(silent.subject, undefined)
  assert.deepEqual({ ...silent.claims }, {})
})

test('RF-02 a claim that the check was described to give and leaves out, or gives as no value, is gone', async () => {
  const claims = { roles: { json: '/roles' }, name: { json: '/name' } }
  const gone = async (body: object | undefined, check: Partial<Check>) => {
    const outcome = await checked(body === undefined ? { status: 204 } : { body }, check)
    assert.equal(outcome.kind, 'good')
    return outcome.kind === 'good' ? outcome.gone : undefined
  }
  assert.deepEqual(await gone({ name: 'John' }, { claims }), ['roles'])
  assert.deepEqual(await gone({ name: 'John', roles: {} }, { claims }), ['roles'])
  assert.deepEqual(await gone({ name: null, roles: [] }, { claims }), ['name'])
  assert.deepEqual(await gone({}, { claims }), ['roles', 'name'])
  // An answer without a body speaks of nothing.
  assert.deepEqual(await gone(undefined, { claims }), [])
  // Nor must an answer have what was described for the login: only `null` says that it is no longer so.
  assert.deepEqual(await gone({ id: 's-1' }, {}), [])
})

test('where nothing says how long to wait, a rule may', async () => {
  const refusals = [{ status: [409], as: 'unavailable' as const, retryAfter: '90s' }]
  assert.equal(only(await checked({ status: 409 }, { refusals }), 'failed').retryAfter, 90)
  const told = { status: 409, headers: { 'retry-after': '5' } }
  assert.equal(only(await checked(told, { refusals }), 'failed').retryAfter, 5)
})

test('a check shows the token and may use what is sealed with it', async () => {
  const { upstream, service } = await answering(
    {},
    {
      login: { values: { team: { json: '/team' } } },
      check: { request: { path: '/t/{team}/{subject}', json: { token: '{token}', refresh: '{refreshToken}' } } },
    },
  )
  only(await upstream.check(someGrant({ values: { team: 'a/b' } }), 's-1'), 'good')
  const [call] = service.calls
  assert.equal(call?.path, '/t/a%2Fb/s-1')
  assert.equal(call.headers.authorization, 'Bearer canary-token')
  assert.deepEqual(call.json, { token: 'canary-token', refresh: 'canary-refresh-token' })
})

test('a value that is not there is left out of a body, and stops a path that needs it', async () => {
  const { upstream, service } = await answering(
    {},
    {
      login: { values: { team: { json: '/team' } } },
      check: { request: { path: '/me', json: { team: '{team}', token: '{token}' } } },
      logout: { request: { path: '/teams/{team}/logout' } },
    },
  )
  only(await upstream.check(someGrant(), 's-1'), 'good')
  assert.deepEqual(service.calls[0]?.json, { token: 'canary-token' })
  const outcome = only(await upstream.end(someGrant(), 's-1'), 'failed')
  assert.match(outcome.detail, /\{team\}/)
  assert.equal(service.calls.length, 1)
})
