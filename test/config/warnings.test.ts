import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../src/config/parse.ts'
import { warningsOf } from '../../src/config/warnings.ts'
import { configOf, full, fullSecrets, minimal, minimalUpstream, noSecrets, withUpstream } from './samples.ts'

const warnings = (options: unknown) => warningsOf(configOf(options))
const logout = { request: { path: '/logout' } }
const check = { request: { method: 'GET', path: '/me' } }

test('an upstream that cannot be asked again, and one that cannot be told of a logout, are warned about', () => {
  assert.deepEqual(warnings(minimal), [
    'upstreams.accounts: has neither a check nor a refresh call, so its sessions are renewed without asking it, for 1h (session.uncheckedTimeout).',
    'upstreams.accounts: has no logout call, so its token lives on after sign-out.',
  ])
  assert.deepEqual(warnings(withUpstream({ check, logout })), [])
})

test('bound sessions are experimental, and a refresh of one moves the idle limit whatever the route says', () => {
  const bound = { ...withUpstream({ check, logout }), session: { deviceBound: 'require' } }
  const experimental = 'session.deviceBound: is experimental; so is what browsers make of it.'
  assert.deepEqual(warnings(bound), [experimental])
  const backend = 'http://127.0.0.1:3000'
  assert.deepEqual(
    warnings({
      ...bound,
      routes: [
        { path: '/', backend },
        { path: '/poll', slide: false, backend },
      ],
    }),
    [
      experimental,
      'routes[1].slide: a browser that refreshes a bound session does not say for which request, so one for this route moves the idle limit.',
    ],
  )
})

test('a logout that is known not to end the token is warned about', () => {
  assert.deepEqual(warnings(withUpstream({ check, logout: { ...logout, endsToken: false } })), [
    'upstreams.accounts.logout.endsToken: the token is known to live on after sign-out.',
  ])
})

test('a refresh token that two processes could use at once is warned about, unless the service allows that', () => {
  const refresh = { request: { path: '/renew', json: '{token}' } }
  assert.deepEqual(warnings(withUpstream({ check, logout, refresh })), [
    'upstreams.accounts.refresh: a second replica would use the same refresh token twice. Run one, or set facts.redis, or say refresh.concurrent: true.',
  ])
  assert.deepEqual(warnings(withUpstream({ check, logout, refresh: { ...refresh, concurrent: true } })), [])
})

test('a host at which no browser is ever signed in is warned about once, where a front proxy asks', () => {
  const options = {
    ...withUpstream({ check, logout }),
    publicUrl: 'https://app.example.com',
    trustedProxies: ['127.0.0.1'],
    routes: [
      { path: '/' },
      { host: 'app.example.com', path: '/own' },
      { host: 'app.example.com:8443', path: '/' },
      { host: 'open.example.com', path: '/', access: 'public' },
      { host: 'shop.example.com', path: '/', access: 'optional' },
      { host: 'admin.example.com', path: '/' },
      { host: 'admin.example.com', path: '/more' },
    ],
  }
  const other = (index: number, host: string) =>
    `routes[${index}].host: a browser signs in at https://app.example.com and its cookie stays there, so behind a front proxy only a program with a token is known at ${host}. Run a gateway with a publicUrl of its own for it.`
  assert.deepEqual(warnings({ ...options, forwardAuth: ['nginx'] }), [
    other(4, 'shop.example.com'),
    other(5, 'admin.example.com'),
  ])
  const routes = options.routes.map((route) => ({ ...route, backend: 'http://127.0.0.1:3000' }))
  assert.deepEqual(warnings({ ...options, routes }), [])
})

test('a prompt that nothing verifies is warned about', () => {
  const provider = {
    kind: 'oidc',
    issuer: 'https://sso.example.com',
    clientId: 'postern',
    refresh: { concurrent: true },
  }
  const said = (more: object) => warnings({ ...minimal, upstreams: { company: { ...provider, ...more } } })
  assert.deepEqual(said({ prompt: 'login' }), [
    'upstreams.company.prompt: nothing verifies it, and the person can take it out of the address; with maxAge the time of the sign-in there is verified.',
  ])
  assert.deepEqual(said({ prompt: 'login', maxAge: '5m' }), [])
  assert.deepEqual(said({ prompt: 'select_account' }), [])
})

test('a claim that nothing fills is warned about where it is asked for', () => {
  const options = {
    ...withUpstream({ check, logout }),
    routes: [{ path: '/', require: { roles: 'admin' }, backend: 'http://127.0.0.1:3000' }],
    identity: { headers: { 'X-Name': 'name', 'X-Sub': 'sub' } },
  }
  assert.deepEqual(warnings(options), [
    'routes[0].require.roles: no upstream maps this claim, so nobody passes.',
    'identity.headers.X-Name: no upstream maps this claim, so the header stays empty.',
  ])
})

test('a header that a backend has of the gateway on one route only is warned about, unless clients have it anyway', () => {
  const backend = 'http://127.0.0.1:3000'
  const headers = { 'X-Role': 'admin', 'Accept-Language': 'de', Authorization: 'Basic eA==' }
  const routes = [
    { path: '/admin', backend, headers },
    { path: '/', backend },
    { path: '/elsewhere', backend: 'http://127.0.0.1:4000' },
  ]
  assert.deepEqual(warnings({ ...withUpstream({ check, logout }), routes }), [
    "routes[1]: goes to http://127.0.0.1:3000, which has `x-role` of the gateway from another route; here it is the client's own.",
  ])
  const both = routes.map((route) => ({ ...route, headers }))
  assert.deepEqual(warnings({ ...withUpstream({ check, logout }), routes: both }), [])
})

test('fields of which none is the user name are warned about, since attempts are counted by one of them', () => {
  const request = { path: '/login', json: { c: '{company}', u: '{user}', p: '{password}' } }
  const fieldsOf = (user: object) => [
    { name: 'company', label: 'Company' },
    { name: 'user', label: 'User', ...user },
    { name: 'password', label: 'Password', type: 'password' },
  ]
  const of = (user: object) => {
    const login = { ...minimalUpstream.login, request }
    return warnings(withUpstream({ check, logout, fields: fieldsOf(user), login }))
  }
  assert.deepEqual(of({}), [
    'upstreams.accounts.fields: none says autocomplete: username, so attempts are counted by `company`; whoever may vary it, or shares it with others, has limits that are not theirs.',
  ])
  assert.deepEqual(of({ autocomplete: 'username' }), [])
})

test('a claim that only the refresh call tells is one that is filled', () => {
  const refresh = {
    request: { path: '/renew', json: '{token}' },
    concurrent: true,
    claims: { roles: { json: '/roles' } },
  }
  const options = {
    ...withUpstream({ check, logout, refresh }),
    routes: [{ path: '/', require: { roles: 'admin' }, backend: 'http://127.0.0.1:3000' }],
  }
  assert.deepEqual(warnings(options), [])
})

test('forward-auth that nobody could use is warned about', () => {
  const usual = withUpstream({ check, logout })
  assert.deepEqual(warnings({ ...usual, forwardAuth: ['nginx'] }), [
    'forwardAuth: trustedProxies is empty, so no proxy is answered.',
  ])
  assert.deepEqual(warnings({ ...usual, routes: [{ path: '/' }] }), [
    'routes[0]: has no backend, and forwardAuth names no proxy that would ask about it, so it does nothing.',
  ])
})

test('CF-06 a proxy that is everyone is warned about', () => {
  assert.deepEqual(warnings({ ...withUpstream({ check, logout }), trustedProxies: ['10.0.0.0/8', '::/0'] }), [
    'trustedProxies[1]: believes every address there is, so a client can claim to be any other.',
  ])
})

test('plain http for this machine alone is said, and only once where it is allowed for others', () => {
  const local = { ...withUpstream({ check, logout }), publicUrl: 'http://localhost:8080' }
  assert.match(warnings(local).join(), /^publicUrl: is plain http, so the cookie has neither Secure/)
  assert.deepEqual(warnings({ ...local, publicUrl: 'http://app.example.com', insecure: { httpPublicUrl: true } }), [])
})

test('parse tells the warnings as well', () => {
  const result = parse(minimal, noSecrets)
  assert.ok(result.ok)
  assert.deepEqual(result.warnings, warnings(minimal))
  assert.deepEqual(warningsOf(configOf(full, fullSecrets)), [
    'upstreams.members: has no check call, so it is asked about a session only when that is refreshed: after 1h (session.uncheckedTimeout), or before its token ends.',
    'upstreams.index.check: an answer without its claims takes them away, an error at status 200 too; name check.subject or check.success.body, by which one is told from the other.',
    'session.deviceBound: is experimental; so is what browsers make of it.',
  ])
})
