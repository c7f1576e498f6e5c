import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { resourceOf } from '../../src/config/resource.ts'
import { send } from '../support/browser-client.ts'
import { apiAudience, startExchangeSite, type ExchangeSite } from '../support/exchange.ts'
import { startGateway } from '../support/gateway.ts'

const addresses = [
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
]

/** Whoever sends these would like to decide who we are. */
const hostile = [
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '444' },
  { forwarded: 'host=evil.example;proto=https' },
  { 'x-original-url': 'https://evil.example/', 'x-forwarded-prefix': '/evil' },
]

describe('metadata', () => {
  let site: ExchangeSite
  before(async () => {
    site = await startExchangeSite()
  })
  after(() => site.close())
  const get = (path: string, headers = {}) => send(`${site.gateway.origin}${path}`, 'GET', headers)

  test('RFC 8414 names what there is, and nothing else', async () => {
    const { origin } = site.gateway
    const answer = await get('/.well-known/oauth-authorization-server')
    assert.equal(answer.headers['content-type'], 'application/json')
    assert.deepEqual(answer.json(), {
      issuer: origin,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      response_types_supported: [],
      protected_resources: [apiAudience],
      token_endpoint: `${origin}/_auth/token`,
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      scopes_supported: ['read', 'write'],
    })
  })

  test('RFC 9728 names the audience as the resource', async () => {
    assert.deepEqual((await get('/.well-known/oauth-protected-resource')).json(), {
      resource: apiAudience,
      authorization_servers: [site.gateway.origin],
      bearer_methods_supported: ['header'],
      scopes_supported: ['read', 'write'],
    })
  })

  for (const address of addresses) {
    test(`KR-09 RD-05 ${address} is the same whatever the request says`, async () => {
      const plain = await get(address)
      for (const headers of hostile) {
        const answer = await get(address, headers)
        assert.equal(answer.text, plain.text)
        assert.deepEqual(answer.setCookies, [])
      }
      assert.ok(!plain.text.includes('127.0.0.1'))
    })

    test(`DS-08 ${address} is kept as long as the key set, and has an ETag`, async () => {
      const answer = await get(address)
      assert.equal(answer.headers['cache-control'], 'public, max-age=300')
      assert.equal(answer.headers['access-control-allow-origin'], '*')
      const again = await get(address, { 'if-none-match': answer.headers['etag'] as string })
      assert.deepEqual([again.status, again.text], [304, ''])
      assert.equal((await send(`${site.gateway.origin}${address}`, 'POST')).status, 405)
      assert.equal((await send(`${site.gateway.origin}${address}`, 'HEAD')).status, 200)
    })
  }

  test('RFC 9728 section 5.1: a 401 says where the metadata is, and a 403 does not', async () => {
    for (const headers of hostile) {
      const answer = await get('/protected', headers)
      assert.equal(
        answer.headers['www-authenticate'],
        'Bearer realm="postern", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"',
      )
    }
    const bad = await get('/protected', { authorization: 'Bearer x' })
    assert.match(String(bad.headers['www-authenticate']), /error="invalid_token", resource_metadata="https:/)
  })
})

test('the cache lifetime follows publishAhead', async () => {
  const gateway = await startGateway({ options: () => ({ keys: { publishAhead: '3m' } }) })
  try {
    for (const address of addresses)
      assert.equal((await send(`${gateway.origin}${address}`)).headers['cache-control'], 'public, max-age=60')
  } finally {
    await gateway.close()
  }
})

test('without exchange there is an issuer with keys and nothing to ask for, and 401 says no more', async () => {
  const gateway = await startGateway()
  try {
    const { origin } = gateway
    assert.deepEqual((await send(`${origin}/.well-known/oauth-authorization-server`)).json(), {
      issuer: origin,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      response_types_supported: [],
      protected_resources: [origin],
      grant_types_supported: [],
    })
    assert.equal((await send(`${origin}/.well-known/oauth-protected-resource`)).json()['resource'], origin)
    assert.equal((await send(`${origin}/protected`)).headers['www-authenticate'], 'Bearer realm="postern"')
  } finally {
    await gateway.close()
  }
})

test('an audience with a path has its metadata under that path, and one that is no web address has none', async () => {
  const withPath = await startGateway({ options: (origin) => ({ api: { audience: `${origin}/api/v1` } }) })
  try {
    const { origin } = withPath
    const answer = await send(`${origin}/.well-known/oauth-protected-resource/api/v1`)
    assert.equal(answer.json()['resource'], `${origin}/api/v1`)
    assert.equal((await send(`${origin}/.well-known/oauth-protected-resource`)).status, 404)
  } finally {
    await withPath.close()
  }
  const urn = await startGateway({ options: () => ({ api: { audience: 'urn:example:api' } }) })
  try {
    assert.equal((await send(`${urn.origin}/.well-known/oauth-protected-resource`)).status, 404)
    const server = await send(`${urn.origin}/.well-known/oauth-authorization-server`)
    assert.equal(server.json()['protected_resources'], undefined)
  } finally {
    await urn.close()
  }
})

test('RFC 9728 section 3.1: where the metadata of a resource stands', () => {
  const at = (audience: string) => resourceOf(audience)?.metadataUrl
  assert.equal(at('https://a.example'), 'https://a.example/.well-known/oauth-protected-resource')
  assert.equal(at('https://a.example/'), 'https://a.example/.well-known/oauth-protected-resource')
  assert.equal(at('https://a.example:8443/x/y'), 'https://a.example:8443/.well-known/oauth-protected-resource/x/y')
  for (const none of [
    'api',
    'urn:x:y',
    'mailto:a@b.example',
    'https://a.example/?x',
    'https://a.example/#x',
    'https://u@a.example',
    'https://a.example/:id',
    'https://a.example/*',
    'https://a.example/%2f',
    'https://a.example/"',
  ])
    assert.equal(at(none), undefined, none)
})
