import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import type { OidcUpstreamConfig } from '../../src/config/oidc.ts'
import type { SecretSources } from '../../src/config/secrets.ts'
import { configOf, faultsOf, minimal, minimalUpstream, noSecrets } from './samples.ts'

const least = { kind: 'oidc', issuer: 'https://sso.example.com', clientId: 'postern' }

const withProvider = (options: object, more: object = {}) => ({
  ...minimal,
  upstreams: { company: { ...least, ...options } },
  ...more,
})

function providerOf(options: object, sources: SecretSources = noSecrets, more: object = {}): OidcUpstreamConfig {
  const upstream = configOf(withProvider(options, more), sources).upstreams.get('company')
  assert.ok(upstream?.kind === 'oidc')
  return upstream
}

test('the least that one can say of a provider', () => {
  const { clientAuth, scope, claims, userinfo, refresh, logout, redirectUri, ...rest } = providerOf({})
  assert.deepEqual(clientAuth, { method: 'none' })
  assert.equal(scope, 'openid profile email')
  assert.deepEqual([...claims.keys()], ['name', 'email', 'preferred_username'])
  assert.deepEqual([userinfo, refresh, logout], [true, { concurrent: false }, { redirect: true, idTokenHint: false }])
  assert.equal(redirectUri, 'https://app.example.com/_auth/oidc/company/callback')
  assert.equal(rest.postLogoutRedirectUri, 'https://app.example.com/_auth/logout')
  assert.equal(rest.backchannelLogoutUri, 'https://app.example.com/_auth/oidc/company/backchannel-logout')
  assert.deepEqual([rest.origin, rest.subjectPrefix, rest.http], ['https://sso.example.com', 'company', 'never'])
})

test('the issuer is kept as it is written, and addresses follow the prefix', () => {
  const issuer = 'https://tenant.example.com/'
  assert.equal(providerOf({ issuer }).issuer, issuer)
  const { redirectUri } = providerOf({}, noSecrets, { prefix: '/door' })
  assert.equal(redirectUri, 'https://app.example.com/door/oidc/company/callback')
})

test('`openid` is asked for, whatever the scopes are', () => {
  assert.equal(providerOf({ scopes: ['offline_access'] }).scope, 'openid offline_access')
  assert.equal(providerOf({ scopes: [] }).scope, 'openid')
})

describe('how the gateway proves who it is', () => {
  const file: SecretSources = { readFile: () => 'hunter2\n', env: () => undefined }
  const jwk = async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    return { ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'ours' }
  }

  test('a secret, by Basic unless something else is said', () => {
    const auth = providerOf({ clientSecretFile: './sso.secret' }, file).clientAuth
    assert.ok(auth.method === 'client_secret_basic')
    assert.equal(auth.secret.reveal(), 'hunter2')
    assert.ok(!JSON.stringify(auth).includes('hunter2'))
    const posted = { clientSecret: { file: './a' }, tokenEndpointAuthMethod: 'client_secret_post' }
    assert.equal(providerOf(posted, file).clientAuth.method, 'client_secret_post')
  })

  test('a private key', async () => {
    const key = JSON.stringify(await jwk())
    const auth = providerOf({ privateKey: { file: './key' } }, { ...noSecrets, readFile: () => key }).clientAuth
    assert.equal(auth.method, 'private_key_jwt')
  })

  test('what does not go together is a fault', async () => {
    const { d: _, ...open } = await jwk()
    const slips: readonly (readonly [object, RegExp])[] = [
      [{ clientSecret: 'a', clientSecretFile: 'b' }, /^upstreams\.company\.clientSecretFile: stands beside/],
      [{ tokenEndpointAuthMethod: 'client_secret_post' }, /needs `clientSecret` or `clientSecretFile`$/],
      [{ tokenEndpointAuthMethod: 'private_key_jwt' }, /needs `privateKey`$/],
      [{ tokenEndpointAuthMethod: 'none', clientSecret: 'a' }, /uses no client secret/],
      [{ privateKey: '{}', clientSecret: 'a' }, /uses no `privateKey`/],
      [{ privateKey: 'PEM' }, /^upstreams\.company\.privateKey: must be a private key as JWK/],
      [{ privateKey: JSON.stringify({ ...open, alg: 'HS256' }) }, /whose `alg` is/],
      [{ privateKey: JSON.stringify(open) }, /only the public part$/],
      [{ clientSecretFile: './gone' }, /^upstreams\.company\.clientSecretFile: this file cannot be read; is it there/],
    ]
    for (const [options, fault] of slips) {
      const faults = faultsOf(withProvider(options), {
        readFile: (path) => (path === './gone' ? undefined : 'x'),
        env: () => 'x',
      })
      assert.equal(faults.length, 1, faults.join('\n'))
      assert.match(faults[0] ?? '', fault)
    }
  })
})

const slips: readonly (readonly [behaviour: string, options: object, fault: RegExp])[] = [
  ['the issuer is an address', { issuer: 'sso.example.com' }, /^upstreams\.company\.issuer: must be an issuer/],
  ['the issuer has no query', { issuer: 'https://sso.example.com/?a=b' }, /\.issuer: must be an issuer/],
  ['the issuer has no user name', { issuer: 'https://a:b@sso.example.com' }, /\.issuer: must be an issuer/],
  [
    'the issuer is written as usual',
    { issuer: 'https://SSO.example.com' },
    /\.issuer: must be written in its usual form/,
  ],
  [
    'the issuer is https',
    { issuer: 'http://sso.example.com' },
    /\.issuer: must begin with https:.*insecure\.httpUpstreams: true$/,
  ],
  [
    'what the gateway says itself cannot be named',
    { authorizationParameters: { redirect_uri: 'https://evil.example' } },
    /\.authorizationParameters\.redirect_uri: is said by the gateway itself/,
  ],
  ['nor what has an option of its own', { authorizationParameters: { prompt: 'none' } }, /has an option of its own$/],
  [
    'TM-06 our own claims cannot be named',
    { claims: { iss: '/iss' } },
    /\.claims\.iss: this claim is said by the gateway itself/,
  ],
  ['a scope is one word', { scopes: ['openid profile'] }, /\.scopes\[0\]: must be a scope/],
  [
    'where to come back to is a whole address',
    { logout: { returnTo: '/goodbye' } },
    /\.logout\.returnTo: must be a whole address/,
  ],
  ['the prefix ends at its bar', { subject: { prefix: 'a|b' } }, /\.subject\.prefix: may not hold/],
  ['a key of a login API is not one of a provider', { login: {} }, /\.login: is not known here; known are/],
]
for (const [behaviour, options, fault] of slips) {
  test(behaviour, () => {
    const faults = faultsOf(withProvider(options))
    assert.equal(faults.length, 1, faults.join('\n'))
    assert.match(faults[0] ?? '', fault)
  })
}

test('the kind says what the other keys are', () => {
  const of = (upstream: object) => faultsOf({ ...minimal, upstreams: { company: upstream } })
  assert.deepEqual(of({ issuer: 'https://sso.example.com' }), [
    'upstreams.company.kind: is missing; say `login` or `oidc`',
  ])
  assert.deepEqual(of({ ...least, kind: 'oicd' }), [
    'upstreams.company.kind: must be `login` or `oidc`; did you mean `oidc`?',
  ])
  assert.deepEqual(of({ kind: 'oidc', issuer: 'https://sso.example.com' }), [
    'upstreams.company.clientId: is missing (The client id that the provider knows the gateway by)',
  ])
})

test('http is for loopback, or for everywhere where that is said', () => {
  assert.equal(providerOf({ issuer: 'http://localhost:9000' }).http, 'loopback')
  const everywhere = { insecure: { httpUpstreams: true } }
  assert.equal(providerOf({ issuer: 'http://sso.example.com' }, noSecrets, everywhere).http, 'anywhere')
  assert.equal(providerOf({}, noSecrets, everywhere).http, 'never')
})

test('TM-05 a provider and a login API with one prefix would make two people one', () => {
  const upstreams = { accounts: minimalUpstream, company: { ...least, subject: { prefix: 'accounts' } } }
  assert.match(faultsOf({ ...minimal, upstreams })[0] ?? '', /^upstreams\.company\.subject\.prefix: is the same as/)
})

test('RF-03 several replicas and refresh tokens need shared facts, or a provider that takes one twice', () => {
  assert.match(
    faultsOf(withProvider({}, { replicas: 2 }))[0] ?? '',
    /^upstreams\.company\.refresh: is used by several replicas/,
  )
  assert.deepEqual(faultsOf(withProvider({ refresh: { concurrent: true } }, { replicas: 2 })), [])
  assert.deepEqual(faultsOf(withProvider({ refresh: { use: false } }, { replicas: 2 })), [])
})
