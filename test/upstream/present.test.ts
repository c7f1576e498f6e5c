import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { answering } from './support/answering.ts'
import { ada, only, someGrant, typed, type UpstreamOptions } from './support/upstream.ts'

type Present = NonNullable<UpstreamOptions['present']>

async function shown(present: Present, token = 'to/k+en==') {
  const { upstream, service } = await answering({}, { present })
  const grant = someGrant({ token: new Secret(token) })
  only(await upstream.check(grant, 's-1'), 'good')
  const headers = upstream.present(grant)
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
  assert.deepEqual(upstream.present(grant), { 'x-version': '2', 'x-key': 'content of key', authorization: 'Bearer t' })
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
    assert.deepEqual(upstream.present(someGrant({ token: new Secret(token) })), { 'x-a': '1' })
})
