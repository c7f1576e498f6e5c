import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { BrowserClient } from '../support/browser-client.ts'
import { startGateway } from '../support/gateway.ts'
import { answering } from './support/answering.ts'
import { serve } from './support/server.ts'
import { ada, only, plainOptions, typed, type UpstreamOptions } from './support/upstream.ts'

type Claims = NonNullable<UpstreamOptions['login']['claims']>

/** The claim that comes of a value in the answer. */
async function claimOf(value: unknown, place: Omit<Claims[string], 'json'>): Promise<unknown> {
  const { upstream } = await answering(
    { body: { token: 't', id: '1', v: value } },
    { login: { claims: { value: { json: '/v', ...place } } } },
  )
  return only(await upstream.signIn(typed(ada)), 'signed_in').claims['value']
}

test('of a list of objects a claim has the value of each that has one', async () => {
  const each = { each: '/name' }
  assert.deepEqual(await claimOf([{ name: 'admin' }, { id: 2 }, { name: null }, 'x', { name: 'editor' }], each), [
    'admin',
    'editor',
  ])
  assert.deepEqual(await claimOf([{ a: { 'b/c': 1 } }, { a: { 'b/c': true } }], { each: '/a/b~1c' }), [1, true])
  assert.deepEqual(await claimOf(['admin'], { each: '' }), ['admin'])
  assert.deepEqual(await claimOf([], each), [])
})

test('what is no list of such objects is left out', async () => {
  for (const value of [{ name: 'admin' }, 'admin', null, [{ name: {} }], [{ name: ['a'] }], [{ title: 'a' }], ['a']])
    assert.equal(await claimOf(value, { each: '/name' }), undefined, JSON.stringify(value))
})

test('of one text a claim has the values between the separators, trimmed, without empty ones', async () => {
  assert.deepEqual(await claimOf('admin,editor', { split: ',' }), ['admin', 'editor'])
  assert.deepEqual(await claimOf(' admin ; , ;editor; ', { split: ';' }), ['admin', ',', 'editor'])
  assert.deepEqual(await claimOf('read  write', { split: ' ' }), ['read', 'write'])
  assert.deepEqual(await claimOf('admin', { split: ',' }), ['admin'])
  assert.deepEqual(await claimOf('', { split: ',' }), [])
  assert.deepEqual(await claimOf(['a,b', 'c'], { split: ',' }), ['a,b', 'c'], 'what is a list already')
  assert.equal(await claimOf({ a: 'b' }, { split: ',' }), undefined)
})

test('the payload of the token and a header give several values too, at a check as well', async () => {
  const token = `h.${Buffer.from(JSON.stringify({ scope: 'a b', groups: [{ id: 7 }] })).toString('base64url')}.s`
  const claims: Claims = {
    scopes: { jwt: '/scope', split: ' ' },
    groups: { jwt: '/groups', each: '/id' },
    roles: { header: 'X-Roles', split: ',' },
  }
  const { upstream } = await answering(
    { body: { token, id: '1' }, headers: { 'x-roles': 'admin, editor' } },
    { login: { claims }, check: { request: { method: 'GET', path: '/me' }, claims } },
  )
  const { grant, claims: atLogin } = only(await upstream.signIn(typed(ada)), 'signed_in')
  const expected = { scopes: ['a', 'b'], groups: [7], roles: ['admin', 'editor'] }
  assert.deepEqual({ ...atLogin }, expected)
  assert.deepEqual({ ...only(await upstream.check(grant, '1'), 'good').claims }, expected)
})

test('the trace says why nothing could be made of what stands there', async () => {
  const { upstream, trace } = await answering(
    { body: { token: 't', id: '1', roles: [{ name: 'admin' }], text: 'a' } },
    {
      login: {
        claims: {
          a: { json: '/roles' },
          b: { json: '/roles', each: '/title' },
          c: { json: '/text', each: '/name' },
          d: { json: '/nothing', split: ',' },
          e: { json: '/text', split: ',' },
        },
      },
    },
  )
  only(await upstream.signIn(typed(ada)), 'signed_in')
  const told = trace.flatMap((event) =>
    event.type === 'extraction' && event.what === 'claim' ? [[event.where, event.note, event.unusable]] : [],
  )
  assert.deepEqual(told, [
    ['json /roles', 'is neither a scalar nor a list of scalars', true],
    ['json /roles, of each /title', 'is a list, and no member has a value there', true],
    ['json /text, of each /name', 'is no list', true],
    ['json /nothing, split at ","', 'is missing', undefined],
    ['json /text, split at ","', undefined, undefined],
  ])
})

test('roles in a list of objects let a person pass; without `each` nobody passes, and one warning says why', async () => {
  const service = await serve(() => ({ body: { token: 't', id: '1', roles: [{ name: 'admin' }] } }))
  after(() => service.close())
  for (const [more, status] of [
    [{ each: '/name' }, 200],
    [{}, 403],
  ] as const) {
    const login = { claims: { roles: { json: '/roles', ...more } } }
    const upstreams = { accounts: plainOptions(service.origin, { login }) }
    const gateway = await startGateway({ options: () => ({ upstreams }) })
    after(() => gateway.close())
    for (const name of ['ada', 'bob']) {
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn(name, 'canary-password')
      assert.equal((await browser.send('/admin')).status, status)
    }
    assert.deepEqual(
      gateway.events.flatMap((event) =>
        event.type === 'warning' && event.upstream === 'accounts' ? [event.message] : [],
      ),
      status === 200
        ? []
        : [
            'upstreams.accounts: the claim `roles` cannot be taken from the answer to the login call: what stands at json /roles is neither a scalar nor a list of scalars. postern try-login shows what is found.',
          ],
    )
  }
})
