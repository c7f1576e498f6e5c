import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, type CryptoKey } from 'jose'
import type { Options } from '../../src/config/options.ts'
import { secret } from './canaries.ts'
import { fakeClock } from './clock.ts'
import { send, type Answer } from './browser-client.ts'
import { startGateway, type Gateway, type GatewaySettings } from './gateway.ts'
import { serviceOptions } from './service.ts'
import { startTokenIssuer, type TokenIssuer } from './token-issuer.ts'

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** With everything in it that form encoding changes. */
export const reportsSecret = 'a secret: with+100% of &odd=characters/ü and length'

export const apiAudience = 'https://api.example.com'

export interface ExchangeSite {
  readonly gateway: Gateway
  readonly issuer: TokenIssuer
  /** Of the client `signer`. */
  readonly signerKey: CryptoKey
  /** A new token of the login service. */
  serviceToken(user?: string): Promise<string>
  /** Posts parameters to the token endpoint. */
  token(
    parameters: Readonly<Record<string, string>> | readonly [string, string][],
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  /** The same as the public client `cli`, which may trade everything. */
  trade(subjectToken: string, more?: Readonly<Record<string, string>>): Promise<Answer>
  close(): Promise<void>
}

/** A gateway with every sort of exchange and of client. Its clock is set to the real time: real clients know no other. */
export async function startExchangeSite(
  settings: Pick<GatewaySettings, 'face' | 'routes'> & {
    readonly options?: (issuer: TokenIssuer) => Partial<Options>
  } = {},
): Promise<ExchangeSite> {
  const clock = fakeClock(Math.floor(Date.now() / 1000) * 1000)
  const issuer = await startTokenIssuer(clock)
  const folder = mkdtempSync(join(tmpdir(), 'postern-exchange-'))
  const file = (name: string, text: string) => {
    if (name.endsWith('.secret')) secret(text.trim(), 'a client secret')
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const pair = await generateKeyPair('ES256', { extractable: true })
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid: 'signer-1', alg: 'ES256' }
  const upstream = (origin: string) => serviceOptions(origin)
  const gateway = await startGateway({
    ...settings,
    clock,
    options: (_origin, { origin }) => ({
      api: { audience: apiAudience },
      upstreams: {
        accounts: { ...upstream(origin), check: { request: { method: 'GET', path: '/api/me' } } },
        opaque: { ...upstream(origin) },
        signed: { ...upstream(origin) },
      },
      exchange: {
        accounts: { by: 'check' },
        opaque: {
          by: 'introspection',
          endpoint: `${issuer.origin}/introspect`,
          clientId: 'postern:gateway',
          clientSecretFile: file('introspection.secret', 'introspection secret + more\n'),
          audience: apiAudience,
          claims: { name: '/name', roles: '/roles' },
        },
        signed: {
          by: 'jwks',
          issuer: issuer.origin,
          uri: `${issuer.origin}/jwks`,
          audience: apiAudience,
          claims: { name: '/name', roles: '/roles', email: '/email' },
        },
      },
      clients: {
        reports: {
          secretFile: file('reports.secret', `${reportsSecret}\n`),
          audiences: [apiAudience, 'https://other.example.com/api'],
          scopes: ['read', 'write'],
          upstreams: ['accounts'],
        },
        signer: { publicKeyFile: file('signer.json', JSON.stringify({ keys: [publicJwk] })), upstreams: ['signed'] },
        cli: { public: true, scopes: ['read', 'write'] },
        roaming: { public: true, audiences: ['https://other.example.com'] },
      },
      ...settings.options?.(issuer),
    }),
  })
  const { service } = gateway

  const site: ExchangeSite = {
    gateway,
    issuer,
    signerKey: pair.privateKey,
    async serviceToken(user = 'john') {
      const answer = await send(
        `${service.origin}/api/login`,
        'POST',
        { 'content-type': 'application/json' },
        JSON.stringify({ User: user, Password: 'password123' }),
      )
      return (answer.json()['user'] as { authentication_token: string }).authentication_token
    },
    token: (parameters, headers = {}) =>
      send(
        `${gateway.origin}/_auth/token`,
        'POST',
        { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        new URLSearchParams(parameters as Record<string, string>).toString(),
      ),
    trade: (subjectToken, more = {}) =>
      site.token({
        grant_type: exchangeGrant,
        subject_token: subjectToken,
        subject_token_type: accessTokenType,
        client_id: 'cli',
        ...more,
      }),
    async close() {
      await gateway.close()
      await issuer.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return site
}

/** `Authorization` of HTTP Basic, each part form-encoded first (RFC 6749 section 2.3.1). */
export function basic(id: string, secret: string): { authorization: string } {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return { authorization: `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}` }
}
