import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { answering } from './support/answering.ts'
import { serve, type Reply } from './support/server.ts'
import { ada, loginUpstream, only, plainOptions, someGrant, typed, type UpstreamOptions } from './support/upstream.ts'

type Profile = NonNullable<UpstreamOptions['profile']>

const profile: Profile = {
  request: { method: 'GET', path: '/profile' },
  success: { body: [{ json: '/id', exists: true }] },
  subject: { json: '/id' },
  claims: { name: { json: '/name' } },
}

const signInWith = async (
  reply: Reply,
  more: Partial<Profile> = {},
  login: Partial<UpstreamOptions['login']> = {},
  body: unknown = { token: 't', id: 'p-1', name: 'login', team: 'red' },
) => {
  const { upstream, service } = await answering(({ path }) => (path === '/login' ? { body } : reply), {
    profile: { ...profile, ...more },
    login,
  })
  return { outcome: await upstream.signIn(typed(ada)), service }
}

test('the profile tells who it is; its claims come over those of the login answer', async () => {
  const login = { claims: { name: { json: '/name' }, team: { json: '/team' } } }
  const { outcome, service } = await signInWith({ body: { id: 'p-1', name: 'profile' } }, {}, login)
  const found = only(outcome, 'signed_in')
  assert.equal(found.subject, 'p-1')
  assert.deepEqual({ ...found.claims }, { name: 'profile', team: 'red' })
  assert.equal(service.calls[1]?.headers.authorization, 'Bearer t')
})

const bad: readonly (readonly [string, Reply, string])[] = [
  ['{} at 200', { body: {} }, 'upstream_bad'],
  ['null at 200', { body: 'null' }, 'upstream_bad'],
  ['an error object at 200', { body: { error: 'canary' } }, 'upstream_bad'],
  ['a page at 200', { body: '<html>canary</html>' }, 'upstream_bad'],
  ['an id that is empty', { body: { id: '' } }, 'upstream_bad'],
  ['another person than the login answer', { body: { id: 'p-2' } }, 'upstream_bad'],
  ['401', { status: 401 }, 'upstream_bad'],
  ['403', { status: 403 }, 'upstream_bad'],
  ['404', { status: 404 }, 'upstream_bad'],
  ['302', { status: 302, headers: { location: '/' } }, 'upstream_bad'],
  ['500', { status: 500 }, 'upstream_unavailable'],
  ['429', { status: 429 }, 'upstream_unavailable'],
]

for (const [what, reply, as] of bad) {
  test(`LG-08 a profile call that answers ${what} is ${as}, and no sign-in`, async () => {
    const { outcome } = await signInWith(reply)
    const failure = only(outcome, 'failed')
    assert.equal(failure.as, as)
    assert.ok(!JSON.stringify(failure).includes('canary'))
  })
}

const refusals = [
  { body: [{ json: '/anonymous', exists: true }], as: 'refused' as const },
  { body: [{ json: '/busy', exists: true }], as: 'unavailable' as const, retryAfter: '1m' },
]

test('a profile that refuses the token that was just given is a fault, and one that is busy is not asked for', async () => {
  const success = {}
  const { outcome } = await signInWith({ body: { id: 'p-1', anonymous: true } }, { success, refusals })
  assert.match(only(outcome, 'failed').detail, /does not accept the token/)
  const { outcome: busy } = await signInWith({ body: { id: 'p-1', busy: true } }, { success, refusals })
  assert.deepEqual([only(busy, 'failed').as, only(busy, 'failed').retryAfter], ['upstream_unavailable', 60])
})

test('a profile call that is the check refuses, is busy, and takes no other answer for one', async () => {
  const checked = async (reply: Reply) => {
    const service = await serve(() => reply)
    after(() => service.close())
    const { check: _, ...options } = plainOptions(service.origin, { profile: { ...profile, success: {}, refusals } })
    const upstream = loginUpstream(options)
    after(() => upstream.close())
    const outcome = await upstream.check(someGrant(), 'p-1')
    return outcome.kind === 'failed' ? outcome.as : outcome.kind
  }
  assert.equal(await checked({ body: { id: 'p-1' } }), 'good')
  assert.equal(await checked({ body: { anonymous: true } }), 'refused')
  assert.equal(await checked({ body: { id: 'p-1', busy: true } }), 'upstream_unavailable')
  assert.equal(await checked({ body: {} }), 'upstream_bad')
  assert.equal(await checked({ body: '<html>' }), 'upstream_bad')
  assert.equal(await checked({ status: 204 }), 'good')
})

test('the end of the token may stand in the profile', async () => {
  const expiry = { json: '/expires_in' }
  const { outcome } = await signInWith({ body: { id: 'p-1', expires_in: 600 } }, { expiry })
  assert.ok(Math.abs((only(outcome, 'signed_in').grant.expiresAt ?? 0) - Date.now() - 600_000) < 5000)
  const { outcome: silent } = await signInWith({ body: { id: 'p-1' } }, { expiry }, { expiry: { lifetime: '1h' } })
  assert.ok((only(silent, 'signed_in').grant.expiresAt ?? 0) > Date.now() + 3_000_000)
})

test('a profile call may use values of the login answer, and the subject where that is known', async () => {
  const login = { values: { team: { json: '/team' } } }
  const { service } = await signInWith(
    { body: { id: 'p-1' } },
    { request: { method: 'GET', path: '/teams/{team}/{subject}?t={token}' } },
    login,
  )
  assert.equal(service.calls[1]?.url, '/teams/red/p-1?t=t')
})
