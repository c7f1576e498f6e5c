import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { decodeJwt } from 'jose'
import { send } from '../support/browser-client.ts'
import {
  accessTokenType,
  apiAudience,
  exchangeGrant,
  reportsSecret,
  startExchangeSite,
  type ExchangeSite,
} from '../support/exchange.ts'

/* Libraries of the field, as they come: they read our metadata, authenticate, and judge our answers by their rules. */

const insecure = { [oauth.allowInsecureRequests]: true }

describe('oauth4webapi', () => {
  let site: ExchangeSite
  let as: oauth.AuthorizationServer
  before(async () => {
    site = await startExchangeSite()
    const issuer = new URL(site.gateway.origin)
    const answer = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
    as = await oauth.processDiscoveryResponse(issuer, answer)
  })
  after(() => site.close())

  async function exchange(client: oauth.Client, authentication: oauth.ClientAuth, parameters: Record<string, string>) {
    const answer = await oauth.genericTokenEndpointRequest(
      as,
      client,
      authentication,
      exchangeGrant,
      { subject_token_type: accessTokenType, ...parameters },
      insecure,
    )
    return oauth.processGenericTokenEndpointResponse(as, client, answer)
  }

  for (const [name, method] of [
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ] as const) {
    test(`trades a token by ${name}, with a secret full of characters that are encoded`, async () => {
      assert.ok(as.token_endpoint_auth_methods_supported?.includes(name))
      const subject_token = await site.serviceToken()
      const answer = await exchange({ client_id: 'reports' }, method(reportsSecret), { subject_token, scope: 'read' })
      assert.equal(answer.token_type, 'bearer')
      assert.equal(answer.scope, 'read')
      assert.equal(answer['issued_token_type'], accessTokenType)
      const opened = await send(`${site.gateway.origin}/protected`, 'GET', {
        authorization: `Bearer ${answer.access_token}`,
      })
      assert.equal(opened.json()['subject'], 'accounts|1')
    })
  }

  test('trades a token by private_key_jwt', async () => {
    const key = { key: site.signerKey, kid: 'signer-1' }
    const subject_token = await site.issuer.sign({ name: 'Grace' })
    const answer = await exchange({ client_id: 'signer' }, oauth.PrivateKeyJwt(key), { subject_token })
    const claims = decodeJwt(answer.access_token)
    assert.deepEqual([claims.sub, claims['client_id'], claims['name']], ['signed|42', 'signer', 'Grace'])
  })

  test('trades a token as a public client, and hears of a scope that it does not get', async () => {
    const subject_token = await site.serviceToken()
    const asked = { subject_token, upstream: 'accounts' }
    assert.equal((await exchange({ client_id: 'cli' }, oauth.None(), asked)).scope, 'read write')
    await assert.rejects(exchange({ client_id: 'cli' }, oauth.None(), { ...asked, scope: 'admin' }), (error) => {
      assert.ok(error instanceof oauth.ResponseBodyError)
      assert.deepEqual([error.error, error.status], ['invalid_scope', 400])
      return true
    })
  })

  test('hears invalid_client with a challenge', async () => {
    const wrong = exchange({ client_id: 'reports' }, oauth.ClientSecretBasic('wrong'), { subject_token: 'x' })
    await assert.rejects(wrong, (error) => {
      assert.ok(error instanceof oauth.WWWAuthenticateChallengeError)
      assert.equal(error.status, 401)
      assert.equal(error.cause[0]?.scheme, 'basic')
      return true
    })
  })

  test('verifies the token with our metadata as a resource server', async () => {
    const subject_token = await site.serviceToken()
    const answer = await exchange({ client_id: 'reports' }, oauth.ClientSecretPost(reportsSecret), { subject_token })
    const request = new Request(apiAudience, { headers: { authorization: `Bearer ${answer.access_token}` } })
    const claims = await oauth.validateJwtAccessToken(as, request, apiAudience, insecure)
    assert.deepEqual([claims.sub, claims.client_id, claims.scope], ['accounts|1', 'reports', 'read write'])
  })

  test('reads the metadata of the resource', async () => {
    const resource = new URL(apiAudience)
    // As it would come from the resource's own origin, which the operator has to route here.
    const answer = await fetch(`${site.gateway.origin}/.well-known/oauth-protected-resource`)
    const document = await oauth.processResourceDiscoveryResponse(resource, answer)
    assert.deepEqual(document.authorization_servers, [site.gateway.origin])
  })
})

describe('openid-client', () => {
  let site: ExchangeSite
  before(async () => {
    site = await startExchangeSite()
  })
  after(() => site.close())

  test('discovers, and trades a token by its generic grant', async () => {
    const config = await openid.discovery(
      new URL(site.gateway.origin),
      'reports',
      undefined,
      openid.ClientSecretBasic(reportsSecret),
      { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
    )
    const answer = await openid.genericGrantRequest(config, exchangeGrant, {
      subject_token: await site.serviceToken('ada'),
      subject_token_type: accessTokenType,
      resource: 'https://other.example.com/api',
    })
    const claims = decodeJwt(answer.access_token)
    assert.deepEqual(
      [claims.sub, claims.aud, claims['upt']],
      ['accounts|2', 'https://other.example.com/api', undefined],
    )
    await assert.rejects(
      openid.genericGrantRequest(config, exchangeGrant, {
        subject_token: 'not a token of theirs'.replaceAll(' ', '-'),
        subject_token_type: accessTokenType,
      }),
      (error) => error instanceof openid.ResponseBodyError && error.error === 'invalid_request',
    )
  })
})
