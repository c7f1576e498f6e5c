import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fakeClock } from '../support/clock.ts'
import { answering } from './support/answering.ts'
import { serve, type Reply } from './support/server.ts'
import { ada, loginUpstream, only, plainOptions, someGrant, typed, type UpstreamOptions } from './support/upstream.ts'

type Refresh = Partial<NonNullable<UpstreamOptions['refresh']>>

const request = { path: '/refresh', json: { refresh: '{refreshToken}', user: '{subject}' } }
const login = { expiry: { json: '/expires_in' }, values: { a: { json: '/a' }, b: { json: '/b' } } } as const

async function refreshed(
  reply: Reply,
  refresh: Refresh = {},
  grant = someGrant({ values: { a: 'old-a', b: 'old-b' } }),
) {
  const clock = fakeClock()
  const { upstream, service } = await answering(reply, { login, refresh: { request, ...refresh } }, clock)
  return { outcome: await upstream.refresh(grant, 's-1'), service, clock }
}

test('what the answer has replaces what was; the rest stays', async () => {
  const { outcome, service, clock } = await refreshed({
    body: { token: 'new', refresh: 'new-refresh', expires_in: 60, b: 'new-b' },
  })
  const { grant } = only(outcome, 'refreshed')
  assert.equal(grant.token.reveal(), 'new')
  assert.equal(grant.refreshToken?.reveal(), 'new-refresh')
  assert.equal(grant.expiresAt, clock() + 60_000)
  assert.deepEqual(grant.values, { a: 'old-a', b: 'new-b' })
  assert.deepEqual(service.calls[0]?.json, { refresh: 'canary-refresh-token', user: 's-1' })
})

test('without a new refresh token the old one stays', async () => {
  for (const refresh of [undefined, null, '', 5]) {
    const { outcome } = await refreshed({ body: { token: 'new', refresh } })
    assert.equal(only(outcome, 'refreshed').grant.refreshToken?.reveal(), 'canary-refresh-token')
  }
})

test('an answer without an end has none, whatever the old one was', async () => {
  const { outcome } = await refreshed({ body: { token: 'new' } }, {}, someGrant({ expiresAt: 1 }))
  assert.equal(only(outcome, 'refreshed').grant.expiresAt, undefined)
})

test('the token that is traded is not presented beside it, unless the request says so', async () => {
  const { service } = await refreshed({ body: { token: 'new' } })
  assert.equal(service.calls[0]?.headers.authorization, undefined)
  const { service: other } = await refreshed(
    { body: { token: 'new' } },
    { request: { ...request, headers: { Authorization: 'Bearer {token}' } } },
  )
  assert.equal(other.calls[0]?.headers.authorization, 'Bearer canary-token')
})

const answers: readonly (readonly [string, Reply, Refresh, string])[] = [
  ['401', { status: 401 }, {}, 'refused'],
  ['403', { status: 403 }, {}, 'refused'],
  ['400', { status: 400 }, {}, 'upstream_bad'],
  ['400 described as refused', { status: 400 }, { refusals: [{ status: [400], as: 'refused' }] }, 'refused'],
  [
    'an error inside 200',
    { body: { error: 1 } },
    { success: { body: [{ json: '/error', exists: false }] } },
    'refused',
  ],
  ['503', { status: 503 }, {}, 'upstream_unavailable'],
  ['nothing at 200', {}, {}, 'upstream_bad'],
  ['{} at 200', { body: {} }, {}, 'upstream_bad'],
  ['a token that is null', { body: { token: null } }, {}, 'upstream_bad'],
]

for (const [what, reply, refresh, expected] of answers) {
  test(`a refresh that is answered ${what} is ${expected}`, async () => {
    const { outcome } = await refreshed(reply, refresh)
    assert.equal(outcome.kind === 'failed' ? outcome.as : outcome.kind, expected)
  })
}

test('without a refresh token there is nothing to trade, and no call', async () => {
  const { outcome, service } = await refreshed({ body: { token: 'new' } }, {}, someGrant({ refreshToken: undefined }))
  assert.deepEqual(outcome, { kind: 'refused', status: 0 })
  assert.equal(service.calls.length, 0)
})

test('where the token itself is traded, it is kept as what is traded next', async () => {
  const clock = fakeClock()
  let issued = 0
  const service = await serve(() => ({ body: { token: `canary-${(issued += 1)}`, refresh: 'not-asked-for', id: '1' } }))
  after(() => service.close())
  const refresh = { request: { path: '/renew', headers: { Authorization: '{token}' } } }
  const { login: usual, ...options } = plainOptions(service.origin, { refresh })
  const { refreshToken: _, ...described } = usual
  const upstream = loginUpstream({ ...options, login: described }, clock)
  after(() => upstream.close())
  const { grant } = only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.equal(grant.refreshToken?.reveal(), 'canary-1')
  const refreshed = only(await upstream.refresh(grant, '1'), 'refreshed')
  assert.equal(service.calls.at(-1)?.headers.authorization, 'canary-1')
  assert.equal(refreshed.grant.token.reveal(), 'canary-2')
  assert.equal(refreshed.grant.refreshToken?.reveal(), 'canary-2')
})

test('where nothing says how long to wait, a rule may', async () => {
  const refusals = [{ status: [409], as: 'unavailable' as const, retryAfter: '2m' }]
  assert.equal(only((await refreshed({ status: 409 }, { refusals })).outcome, 'failed').retryAfter, 120)
})

test('the places of a refresh can be its own', async () => {
  const own = { token: { header: 'X-New' }, refreshToken: { cookie: 'rt' }, expiry: { lifetime: '5m' } }
  const { outcome, clock } = await refreshed(
    { headers: { 'x-new': 'header-token', 'set-cookie': 'rt=cookie-token' } },
    own,
  )
  const { grant } = only(outcome, 'refreshed')
  assert.equal(grant.token.reveal(), 'header-token')
  assert.equal(grant.refreshToken?.reveal(), 'cookie-token')
  assert.equal(grant.expiresAt, clock() + 300_000)
})
