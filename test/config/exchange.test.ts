import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { Options } from '../../src/config/options.ts'
import { parse } from '../../src/config/parse.ts'
import type { SecretSources } from '../../src/config/secrets.ts'
import { configOf, faultsOf, minimal, minimalUpstream } from './samples.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = (more: object = {}) => ({ ...ec.publicKey.export({ format: 'jwk' }), alg: 'ES256', kid: 'one', ...more })

const files = new Map([
  ['long', 'x'.repeat(32)],
  ['short', `${'x'.repeat(31)}\n`],
  ['empty', '\n'],
  ['jwk', JSON.stringify(jwk())],
  ['jwks', JSON.stringify({ keys: [jwk(), jwk({ kid: 'two' })] })],
  ['private', JSON.stringify({ ...ec.privateKey.export({ format: 'jwk' }), alg: 'ES256' })],
  ['secret', JSON.stringify({ kty: 'oct', k: 'eHh4', alg: 'HS256' })],
  ['no-alg', JSON.stringify(ec.publicKey.export({ format: 'jwk' }))],
  ['wrong-alg', JSON.stringify(jwk({ alg: 'ES384' }))],
  ['hmac', JSON.stringify(jwk({ alg: 'HS256' }))],
  ['enc', JSON.stringify(jwk({ use: 'enc' }))],
  ['same-kid', JSON.stringify({ keys: [jwk(), jwk()] })],
  ['no-kid', JSON.stringify({ keys: [jwk(), jwk({ kid: undefined })] })],
  ['no-keys', JSON.stringify({ keys: [] })],
  ['junk-keys', JSON.stringify({ keys: ['x', null] })],
  ['pem', ec.publicKey.export({ format: 'pem', type: 'spki' }).toString()],
  [
    'rsa-1024',
    JSON.stringify({
      ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
      alg: 'RS256',
    }),
  ],
])
const sources: SecretSources = { readFile: (path) => files.get(path), env: () => undefined }

const upstream = { ...minimalUpstream, check: { request: { method: 'GET' as const, path: '/me' } } }
const base = {
  ...minimal,
  upstreams: { accounts: upstream },
  exchange: { accounts: { by: 'check' as const } },
} satisfies Options

const faults = (more: object) => faultsOf({ ...base, ...more }, sources)
const client = (one: object) => faults({ clients: { one } })

test('a client has the audience of the API, no scopes, and every upstream, unless it says otherwise', () => {
  const { clients } = configOf({ ...base, clients: { one: { secretFile: 'long' } } }, sources)
  const one = clients.get('one')
  assert.deepEqual(
    [one?.audiences, one?.defaultAudience, one?.scopes, one?.upstreams],
    [['https://app.example.com'], 'https://app.example.com', [], ['accounts']],
  )
})

test('the default audience is that of the API, else the only one, else none', () => {
  const defaultOf = (audiences: string[]) =>
    configOf({ ...base, clients: { one: { public: true, audiences } } }, sources).clients.get('one')?.defaultAudience
  assert.equal(defaultOf(['https://x.example', 'https://app.example.com']), 'https://app.example.com')
  assert.equal(defaultOf(['https://x.example']), 'https://x.example')
  assert.equal(defaultOf(['https://x.example', 'https://y.example']), undefined)
})

test('a client has exactly one credential', () => {
  const fault = ['clients.one: must have exactly one of `secretFile`, `publicKeyFile` and `public: true`']
  for (const one of [
    {},
    { public: false },
    { secretFile: 'long', public: true },
    { secretFile: 'long', publicKeyFile: 'jwk' },
  ])
    assert.deepEqual(client(one), fault)
  for (const one of [
    { secretFile: 'long' },
    { publicKeyFile: 'jwk' },
    { publicKeyFile: 'jwks' },
    { public: true },
    { secretFile: 'long', public: false },
  ])
    assert.deepEqual(client(one), [])
})

test('KR-06 a secret that could be guessed is a fault, and is not quoted', () => {
  assert.deepEqual(client({ secretFile: 'short' }), [
    'clients.one.secretFile: holds less than 32 bytes; make a secret with: openssl rand -base64 32',
  ])
  assert.deepEqual(client({ secretFile: 'empty' }), ['clients.one.secretFile: this file is empty'])
  assert.deepEqual(client({ secretFile: 'nowhere' }), [
    'clients.one.secretFile: this file cannot be read; is it there, and may this user read it?',
  ])
})

const keyFaults: Record<string, string> = {
  private: 'key 1 of this file is not a public key; the private one stays with the client',
  secret: 'key 1 of this file is not a public key; the private one stays with the client',
  'no-alg': 'key 1 of this file has an `alg` that is not one of ES256',
  hmac: 'key 1 of this file has an `alg` that is not one of ES256',
  'wrong-alg': 'key 1 of this file is not a key for ES384, or is too short',
  'rsa-1024': 'key 1 of this file is not a key for RS256, or is too short',
  enc: 'key 1 of this file has a `use` other than `sig`',
  'same-kid': 'has several keys, so each needs a `kid` of its own',
  'no-kid': 'has several keys, so each needs a `kid` of its own',
  'no-keys': 'this file holds no key',
  'junk-keys': 'key 1 of this file is not a JWK',
  pem: 'this file holds no JSON object; it must be a JWK or a JWK Set',
  nowhere: 'this file cannot be read; is it there, and may this user read it?',
}
for (const [file, fault] of Object.entries(keyFaults)) {
  test(`a public key file "${file}" is a fault`, () => {
    const [first = ''] = client({ publicKeyFile: file })
    assert.ok(first.startsWith(`clients.one.publicKeyFile: ${fault}`), first)
    for (const text of files.values()) assert.ok(!first.includes(text))
  })
}

test('TV-10 no client may have the audience of session tokens', () => {
  assert.deepEqual(client({ public: true, audiences: ['https://app.example.com/_auth'] }), [
    'clients.one.audiences: holds the audience of session tokens, which no client may have; take it out',
  ])
})

test('a client may not have our own name, a strange one, or upstreams that nobody validates', () => {
  assert.deepEqual(faults({ clients: { postern: { public: true } } }), [
    'clients.postern: is the `client_id` of the tokens that sign-in makes; choose another id',
  ])
  assert.match(faults({ clients: { 'a b': { public: true } } })[0] ?? '', /^clients\["a b"\]: a client id begins with/)
  assert.match(faults({ clients: { ['__proto__x']: { public: true } } })[0] ?? '', /a client id begins with/)
  assert.deepEqual(client({ public: true, upstreams: ['members'] }), [
    'clients.one.upstreams[0]: is not a key of `exchange`',
  ])
})

test('a scope has no spaces, quotes or other bytes', () => {
  for (const scope of ['', 'a b', 'a"b', 'a\\b', 'ä', 'a\nb'])
    assert.match(client({ public: true, scopes: [scope] })[0] ?? '', /^clients\.one\.scopes\[0\]: must be one scope/)
  assert.deepEqual(client({ public: true, scopes: ['read:all', 'https://x.example/scope', '!'] }), [])
})

test('by check needs a check call that has to do with the token alone and names the subject', () => {
  const of = (more: object) => faults({ upstreams: { accounts: { ...upstream, ...more } } })
  assert.deepEqual(of({ check: undefined }), [
    'exchange.accounts: needs `check` of the upstream, which is not there; add it, or validate by introspection or jwks',
  ])
  const noSubject =
    'exchange.accounts: needs a check call whose answer names the subject; say where in `check.subject` of the upstream, by `json` or `header`'
  const request = { method: 'GET', path: '/me' }
  assert.deepEqual(of({ check: { request, subject: { jwt: '/sub' } } }), [noSubject])
  assert.deepEqual(of({ login: { ...minimalUpstream.login, subject: { field: 'username' } } }), [noSubject])
  assert.deepEqual(of({ login: { ...minimalUpstream.login, subject: { jwt: '/sub' } } }), [noSubject])
  assert.deepEqual(of({ check: { request, subject: { header: 'X-User' } } }), [])
  const only = (name: string) =>
    `exchange.accounts: needs a check call that is made of \`{token}\` alone; the one of the upstream uses \`{${name}}\`, which only a sign-in knows`
  assert.deepEqual(of({ check: { request: { method: 'GET', path: '/users/{subject}' } } }), [only('subject')])
  assert.deepEqual(of({ present: { basic: { username: '{subject}', password: '{token}' } } }), [only('subject')])
  const values = { login: { ...minimalUpstream.login, values: { tenant: { json: '/tenant' } } } }
  assert.deepEqual(of({ ...values, check: { request: { path: '/me', json: { in: ['{tenant}'] } } } }), [only('tenant')])
  assert.deepEqual(
    of({ secrets: { app: 'x' }, check: { request: { path: '/me', json: { key: '{app}', token: '{token}' } } } }),
    [],
  )
})

test('exchange is for upstreams that there are', () => {
  assert.deepEqual(faults({ exchange: { members: { by: 'check' } } }), [
    'exchange.members: names no upstream; there is `accounts`',
  ])
})

test('addresses of other services are https, without user and fragment', () => {
  const of = (uri: string, more: object = {}) =>
    faults({ exchange: { accounts: { by: 'jwks', issuer: 'https://i.example', uri, audience: 'a' } }, ...more })
  for (const uri of [
    'https://i.example/jwks',
    'https://i.example:8443/a?b=c',
    'http://127.0.0.1:1/jwks',
    'http://localhost/x',
  ])
    assert.deepEqual(of(uri), [], uri)
  for (const uri of [
    'http://i.example/jwks',
    'i.example/jwks',
    'file:///etc/passwd',
    'https://u:p@i.example/',
    'https://i.example/#x',
    'https://',
    'javascript:x',
  ])
    assert.match(of(uri)[0] ?? '', /^exchange\.accounts\.uri: must (be an address|begin with https)/, uri)
  assert.deepEqual(of('http://i.example/jwks', { insecure: { httpUpstreams: true } }), [])
})

test('by jwks needs issuer, address and audience, and takes no algorithm with a shared secret', () => {
  assert.deepEqual(faults({ exchange: { accounts: { by: 'jwks', issuer: 'x', uri: 'https://i.example/jwks' } } }), [
    'exchange.accounts.audience: is missing (What `aud` must name: the API that the tokens are for)',
  ])
  const of = (more: object) =>
    faults({
      exchange: { accounts: { by: 'jwks', issuer: 'x', uri: 'https://i.example/jwks', audience: 'a', ...more } },
    })
  for (const algorithm of ['HS256', 'none', 'es256'])
    assert.match(of({ algorithms: [algorithm] })[0] ?? '', /^exchange\.accounts\.algorithms\[0\]: must be/)
  assert.match(of({ algorithms: [] })[0] ?? '', /must have at least one entry/)
  assert.match(of({ typ: [] })[0] ?? '', /must have at least one entry/)
  assert.deepEqual(of({ claims: { scope: '/scope' } }), [
    'exchange.accounts.claims.scope: this claim is said by the gateway itself; choose another name',
  ])
})

test('what is worth a second thought is said', () => {
  const warningsOf = (options: object) => {
    const result = parse({ ...minimal, ...options }, sources)
    assert.ok(result.ok)
    return result.warnings.filter((warning) => !warning.startsWith('upstreams'))
  }
  const introspection = {
    by: 'introspection',
    endpoint: 'https://i.example/x',
    clientId: 'c',
    clientSecretFile: 'long',
  }
  assert.deepEqual(warningsOf({ exchange: { accounts: introspection } }), [
    'exchange: there are no `clients`, so nobody can exchange a token.',
    'exchange.accounts: has no `audience`, so a token that a person gave to any other service of this issuer is taken too.',
  ])
  assert.deepEqual(warningsOf({ clients: { one: { public: true } } }), [
    'clients: there is no `exchange`, so there is nothing that they can do.',
    'clients.one: is public, so whoever has a token of the upstream may trade it.',
  ])
})

test('a route may require a scope, and is warned about one that no client can have', () => {
  const routes = [{ path: '/', require: { scope: ['read'] } }]
  const result = parse({ ...base, clients: { one: { secretFile: 'long', scopes: ['read'] } }, routes }, sources)
  assert.ok(result.ok)
  assert.deepEqual(
    result.warnings.filter((warning) => warning.includes('scope')),
    [],
  )
  const none = parse({ ...minimal, routes }, sources)
  assert.ok(none.ok)
  assert.deepEqual(
    none.warnings.filter((warning) => warning.includes('scope')),
    ['routes[0].require.scope: no client has scopes, so nobody passes.'],
  )
})
