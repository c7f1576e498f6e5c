import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoginUpstreamConfig, Place } from '../../src/config/upstream.ts'
import { createLoginUpstream } from '../../src/upstream/login-upstream.ts'
import { answering } from './support/answering.ts'
import { ada, only, parsedUpstream, plainOptions, typed } from './support/upstream.ts'

const json = (pointer: string) => ({ json: pointer })

test('TM-06 only what the configuration names reaches a claim', async () => {
  const { upstream } = await answering(
    { body: { token: 't', id: '1', iss: 'x', exp: 9e9, aud: 'y', admin: true, roles: ['root'], cnf: {}, name: 'Ada' } },
    { login: { claims: { name: json('/name') } } },
  )
  const { claims } = only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.deepEqual({ ...claims }, { name: 'Ada' })
})

test('TM-06 what a service calls __proto__ or constructor changes nothing', async () => {
  const body =
    '{"token":"t","id":"1","__proto__":{"admin":true,"name":"Mallory"},"constructor":{"prototype":{"admin":true}},"name":{"__proto__":1}}'
  const { upstream } = await answering(
    { body },
    { login: { claims: { admin: json('/admin'), name: json('/name'), kind: json('/constructor/name') } } },
  )
  const { claims } = only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.deepEqual({ ...claims }, {})
  assert.equal(Object.getPrototypeOf(claims), Object.prototype)
  assert.equal(({} as { readonly admin?: unknown }).admin, undefined)
})

test('TM-06 names that the gateway says itself, or that are no data, are not taken even past the parser', async () => {
  const { service } = await answering({ body: { token: 't', id: '1', x: 'x' } })
  const config = parsedUpstream(plainOptions(service.origin))
  const place: Place = { from: 'json', segments: ['x'] }
  const names = ['iss', 'aud', 'exp', 'sub', 'cnf', 'upt', '__proto__', 'constructor', 'prototype', 'fine']
  const forced: LoginUpstreamConfig = {
    ...config,
    login: { ...config.login, claims: new Map(names.map((name) => [name, place])) },
  }
  const upstream = createLoginUpstream(forced, { clock: Date.now })
  const { claims } = only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.deepEqual(Object.keys(claims), ['fine'])
  await upstream.close()
})

test('a claim is a scalar or a list of scalars; anything else is left out', async () => {
  const values = {
    text: 'a',
    empty: '',
    number: 1.5,
    zero: 0,
    large: 12345678901234567890n,
    yes: true,
    no: false,
    list: ['a', 1, true],
    none: [],
    nothing: null,
    object: { a: 1 },
    mixed: ['a', {}],
    nested: [['a']],
    holes: ['a', null],
  }
  const text = JSON.stringify(values, (_key, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  ).replace('12345678901234567000', '12345678901234567890')
  const names = [...Object.keys(values), 'missing']
  const claims = Object.fromEntries(names.map((name) => [name, json(`/v/${name}`)]))
  const { upstream } = await answering({ body: `{"token":"t","id":"1","v":${text}}` }, { login: { claims } })
  const found = only(await upstream.signIn(typed(ada)), 'signed_in').claims
  const { text: a, empty, number, zero, yes, no, list, none } = values
  assert.deepEqual({ ...found }, { text: a, empty, number, zero, large: '12345678901234567890', yes, no, list, none })
})

test('claims come from the answer, the payload of the token, a header, and what was typed', async () => {
  const payload = Buffer.from(JSON.stringify({ sub: 'jwt-1', realm: { roles: ['a'] } })).toString('base64url')
  const { upstream } = await answering(
    { body: { token: `h.${payload}.s` }, headers: { 'x-team': 'red' } },
    {
      login: {
        subject: { jwt: '/sub' },
        claims: { roles: { jwt: '/realm/roles' }, team: { header: 'X-Team' }, login: { field: 'username' } },
      },
    },
  )
  const outcome = only(await upstream.signIn(typed(ada)), 'signed_in')
  assert.equal(outcome.subject, 'jwt-1')
  assert.deepEqual({ ...outcome.claims }, { roles: ['a'], team: 'red', login: 'ada' })
})

test('a token that is no JWT has no payload, and that is no fault unless the subject was there', async () => {
  for (const token of [
    'opaque',
    'a.b',
    'a.b.c',
    '..',
    'a.!!!.c',
    `a.${Buffer.from('[1').toString('base64url')}.c`,
    'a.b.c.d.e',
  ]) {
    const { upstream } = await answering({ body: { token, id: '1' } }, { login: { claims: { x: { jwt: '/x' } } } })
    assert.deepEqual({ ...only(await upstream.signIn(typed(ada)), 'signed_in').claims }, {}, token)
    const { upstream: strict } = await answering({ body: { token } }, { login: { subject: { jwt: '/sub' } } })
    assert.equal(only(await strict.signIn(typed(ada)), 'failed').as, 'upstream_bad', token)
  }
})
