import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { parse } from '../../src/config/parse.ts'
import { configOf, faultsOf, full, fullSecrets, loginOf, minimal, noSecrets } from './samples.ts'

test('the least one can say is a configuration with every default filled in', () => {
  const config = configOf(minimal)
  assert.equal(config.publicUrl, 'https://app.example.com')
  assert.equal(config.secure, true)
  assert.equal(config.prefix, '/_auth')
  assert.deepEqual(config.session.cookie, {
    name: '__Host-postern',
    sealedName: '__Host-postern-upt',
    outName: '__Host-postern-out',
    deviceName: '__Secure-postern-device',
    sameSite: 'lax',
    formerNames: [],
  })
  assert.equal(config.session.recheckEvery, config.session.tokenTtl)
  assert.equal(config.api.audience, config.publicUrl)
  assert.deepEqual(config.trustedProxies, [])
  assert.deepEqual(config.insecure, [])
  assert.deepEqual(config.rateLimit.login.perAccount, { count: 50, per: 900_000 })
})

test('everything there is to say is a configuration', () => {
  const config = configOf(full, fullSecrets)
  assert.deepEqual([...config.upstreams.keys()], ['accounts', 'members', 'index', 'company'])
  assert.deepEqual(config.routes[1]?.require, { roles: ['admin', 'root'], name: ['ada'] })
  assert.equal(config.routes[0]?.path, '/public')
  assert.equal(config.routes[0]?.maxBody, 10_000_000)
  assert.deepEqual(
    [...config.identityHeaders],
    [
      ['Remote-User', 'sub'],
      ['X-Email', 'email'],
    ],
  )
})

test('an origin has one spelling', () => {
  assert.equal(configOf({ ...minimal, publicUrl: 'HTTPS://App.Example.com:443/' }).publicUrl, 'https://app.example.com')
  assert.equal(
    configOf({ ...minimal, publicUrl: 'https://app.example.com:8443' }).publicUrl,
    'https://app.example.com:8443',
  )
})

test('a loopback public URL may be http, with plain cookie names', () => {
  for (const publicUrl of ['http://localhost:8080', 'http://127.0.0.1', 'http://app.localhost', 'http://[::1]:3000']) {
    const { secure, session } = configOf({ ...minimal, publicUrl, session: { cookie: { formerNames: ['old'] } } })
    assert.equal(secure, false)
    assert.equal(session.cookie.name, 'postern')
    assert.deepEqual(session.cookie.formerNames, ['old'])
  }
})

test('CF-01 the dangerous switches that are on are named', () => {
  const insecure = { httpPublicUrl: true, httpUpstreams: false }
  assert.deepEqual(configOf({ ...minimal, publicUrl: 'http://app.example.com', insecure }).insecure, [
    'insecure.httpPublicUrl',
  ])
})

test('former cookie names get the prefix of the present one', () => {
  const { cookie } = configOf({ ...minimal, session: { cookie: { name: 'door', formerNames: ['postern'] } } }).session
  assert.equal(cookie.name, '__Host-door')
  assert.deepEqual(cookie.formerNames, ['__Host-postern'])
})

test('all faults come at once, each once, with their paths', () => {
  const faults = faultsOf({
    publicUrl: 'https://app.example.com/app',
    sesion: {},
    session: { tokenTtl: '1h', idleTimeout: '30m' },
    routes: [{ path: 'x' }, { path: '/a', backend: 'ftp://b' }],
    upstreams: { accounts: { kind: 'login', origin: 'http://accounts.example.com', login: {} } },
  })
  assert.deepEqual(
    faults.map((fault) => fault.slice(0, fault.indexOf(':'))),
    [
      'sesion',
      'routes[0].path',
      'upstreams.accounts.login.request',
      'publicUrl',
      'session.tokenTtl',
      'routes[1].backend',
    ],
  )
})

test('what is returned is frozen, and what was handed in is neither frozen nor kept', () => {
  const options = structuredClone(full)
  const config = configOf(options, fullSecrets)
  assert.ok(!Object.isFrozen(options) && !Object.isFrozen(options.upstreams.accounts.login.request.json))
  const check = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Secret) return
    if (value instanceof Map) for (const member of value.values()) check(member)
    else assert.ok(Object.isFrozen(value))
    Object.values(value).forEach(check)
  }
  check(config)
  options.upstreams.accounts.login.request.json.User = 'changed'
  assert.deepEqual(
    loginOf(config, 'accounts').login.request.body?.kind === 'json' &&
      loginOf(config, 'accounts').login.request.body?.value,
    full.upstreams.accounts.login.request.json,
  )
})

test('options that are undefined are absent', () => {
  assert.deepEqual(configOf({ ...minimal, listen: undefined, log: { level: undefined } }), configOf(minimal))
})

test('what JSON cannot say is a fault', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = [cycle, cycle]
  for (const value of [new Date(), () => 1, 1n, Symbol('x'), Number.NaN, new Map(), cycle]) {
    const result = parse({ ...minimal, log: value }, noSecrets)
    assert.ok(!result.ok)
    assert.equal(result.faults[0]?.path[0], 'log')
  }
})

test('a value that is no map at all is one fault', () => {
  for (const value of [null, 'text', 7, true, [], undefined]) assert.equal(faultsOf(value).length, 1, String(value))
})
