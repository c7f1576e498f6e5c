import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { answering } from './support/answering.ts'
import { ada, only, someGrant, typed, type UpstreamOptions } from './support/upstream.ts'

type Present = NonNullable<UpstreamOptions['present']>

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const account = { token: 'to:ken', id: 'p-1', team: 'röd', refresh: 'r' }

async function shown(present: Present, token = 'to/k+en==') {
  const { upstream, service } = await answering({}, { present })
  const grant = someGrant({ token: new Secret(token) })
  only(await upstream.check(grant, 's-1'), 'good')
  const headers = upstream.present(grant, 's-1')
  for (const [name, value] of Object.entries(headers)) assert.equal(service.calls[0]?.headers[name], value)
  return headers
}

test('a token is presented as the configuration says', async () => {
  assert.deepEqual(await shown({}), { authorization: 'Bearer to/k+en==' })
  assert.deepEqual(await shown({ scheme: 'Token' }), { authorization: 'Token to/k+en==' })
  assert.deepEqual(await shown({ scheme: null }), { authorization: 'to/k+en==' })
  assert.deepEqual(await shown({ header: 'X-Auth', scheme: null }), { 'x-auth': 'to/k+en==' })
  assert.deepEqual(await shown({ cookie: 'sid' }), { cookie: 'sid=to/k+en==' })
  assert.deepEqual(await shown({ none: true }), {})
  const basic = { username: '{subject}', password: '{token}' }
  assert.deepEqual(await shown({ basic }), { authorization: `Basic ${base64('s-1:to/k+en==')}` })
})

test('HTTP Basic is made of the subject, the token and values, in UTF-8', async () => {
  const { upstream, service } = await answering(({ path }) => (path === '/login' ? { body: account } : {}), {
    login: { values: { team: { json: '/team' } } },
    present: { basic: { username: '{team}/{subject}', password: 't:{token}' } },
  })
  const { grant, subject } = only(await upstream.signIn(typed(ada)), 'signed_in')
  only(await upstream.check(grant, subject), 'good')
  only(await upstream.end(grant, subject), 'ended')
  await upstream.refresh(grant, subject)
  const expected = `Basic ${base64('röd/p-1:t:to:ken')}`
  assert.deepEqual(
    service.calls.map(({ headers }) => headers.authorization),
    [undefined, expected, expected, undefined],
  )
  assert.deepEqual(upstream.present(grant, subject), { authorization: expected })
})

test('a profile call is shown the subject of the login answer', async () => {
  const { upstream, service } = await answering(
    { body: account },
    {
      present: { basic: { username: '{subject}', password: '{token}' } },
      profile: { request: { method: 'GET', path: '/profile' }, subject: { json: '/id' } },
    },
  )
  only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.equal(service.calls[1]?.headers.authorization, `Basic ${base64('p-1:to:ken')}`)
})

test('what HTTP Basic cannot carry is no sign-in and no refresh, rather than a session that ends at its first check', async () => {
  const basic = { username: '{subject}', password: '{token}' }
  const { upstream } = await answering({ body: { ...account, id: 'a:b' } }, { present: { basic } })
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_bad')
  assert.equal(only(await upstream.refresh(someGrant(), 'a:b'), 'failed').as, 'upstream_bad')
  const swapped = { username: '{token}', password: 'x' }
  const { upstream: other } = await answering({ body: account }, { present: { basic: swapped } })
  assert.equal(only(await other.signIn(typed(ada)), 'failed').as, 'upstream_bad')
})

test('EH-02 without what stands beside it the token is not shown', async () => {
  const { upstream } = await answering(
    {},
    {
      login: { values: { team: { json: '/team' } } },
      present: { basic: { username: '{team}', password: '{token}' }, headers: { 'X-A': '1' } },
    },
  )
  assert.deepEqual(upstream.present(someGrant(), 's-1'), { 'x-a': '1' })
  assert.deepEqual(upstream.present(someGrant({ values: { team: 'a:b' } }), 's-1'), { 'x-a': '1' })
})

test('static headers go with every call that carries a token, secret ones too, and with no login', async () => {
  const present: Present = { headers: { 'X-Version': '2', 'X-Key': { file: 'key' } } }
  const { upstream, service } = await answering({ body: { token: 't', id: '1' } }, { present })
  const { grant } = only(await upstream.signIn(typed(ada)), 'signed_in')
  await upstream.check(grant, '1')
  await upstream.refresh(someGrant(), '1')
  await upstream.end(grant, '1')
  assert.deepEqual(
    service.calls.map(({ headers }) => headers['x-key']),
    [undefined, 'content of key', 'content of key', 'content of key'],
  )
  assert.deepEqual(upstream.present(grant, 's-1'), {
    'x-version': '2',
    'x-key': 'content of key',
    authorization: 'Bearer t',
  })
})

test('headers beside the token may say of whom it is, and what came with it', async () => {
  const present: Present = {
    cookie: 'sid',
    headers: { 'X-User': '{subject}', 'X-CSRF': 'v1 {csrf}', 'X-Again': '{token}', 'X-Version': '2' },
  }
  const { upstream, service } = await answering(({ path }) => (path === '/login' ? { body: account } : {}), {
    login: { values: { csrf: { json: '/team' } } },
    present,
  })
  const { grant, subject } = only(await upstream.signIn(typed(ada)), 'signed_in')
  only(await upstream.check(grant, subject), 'good')
  await upstream.refresh(grant, subject)
  const names = ['cookie', 'x-user', 'x-csrf', 'x-again', 'x-version']
  assert.deepEqual(
    service.calls.map(({ headers }) => names.map((name) => headers[name])),
    [
      [undefined, undefined, undefined, undefined, undefined],
      ['sid=to:ken', 'p-1', 'v1 r\u00f6d', 'to:ken', '2'],
      [undefined, undefined, undefined, undefined, '2'],
    ],
  )
  const shownHere = {
    cookie: 'sid=to:ken',
    'x-user': 'p-1',
    'x-csrf': 'v1 r\u00f6d',
    'x-again': 'to:ken',
    'x-version': '2',
  }
  assert.deepEqual(upstream.present(grant, subject), shownHere)
  // Sealed by an earlier configuration: what is not known is not shown, and nothing throws.
  assert.deepEqual(upstream.present(someGrant(), 's-1'), { cookie: 'sid=canary-token', 'x-version': '2' })
})

test('what no header can carry is no sign-in, rather than a session that ends at its first check', async () => {
  const { upstream } = await answering(
    { body: { ...account, id: 'a\u{1f511}' } },
    { present: { headers: { 'X-User': '{subject}' } } },
  )
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_bad')
})

test('a bundle of cookies is presented as it is', async () => {
  const { upstream, service } = await answering(
    { headers: { 'set-cookie': ['b=2', 'a=1; Path=/'] }, body: { id: '1' } },
    {
      present: { cookies: true },
      login: { token: { cookies: ['a', 'b'] } },
    },
  )
  const { grant } = only(await upstream.signIn(typed(ada)), 'signed_in')
  await upstream.check(grant, '1')
  assert.equal(service.calls[1]?.headers.cookie, 'a=1; b=2')
})

test('half a bundle is no token', async () => {
  for (const cookies of [['a=1'], ['a=1', 'b='], ['a=1', 'b=x; Max-Age=0']]) {
    const { upstream } = await answering(
      { headers: { 'set-cookie': cookies }, body: { id: '1' } },
      {
        present: { cookies: true },
        login: { token: { cookies: ['a', 'b'] } },
      },
    )
    assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_bad')
  }
})

test('a token that would be more than one cookie is not taken', async () => {
  const { upstream } = await answering({ body: { token: 'a; admin=1', id: '1' } }, { present: { cookie: 'sid' } })
  assert.equal(only(await upstream.signIn(typed(ada)), 'failed').as, 'upstream_bad')
})

test('EH-02 presenting never throws, whatever was sealed', async () => {
  const { upstream } = await answering({}, { present: { cookie: 'sid', headers: { 'X-A': '1' } } })
  for (const token of ['a; b=1', 'a\r\nX: 1', '\u{1f511}', ''])
    assert.deepEqual(upstream.present(someGrant({ token: new Secret(token) }), 's-1'), { 'x-a': '1' })
})
