import { createServer, type IncomingMessage } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import type { OidcUpstreamOptions } from '../../src/config/oidc-options.ts'
import { mintSecret, secret } from './canaries.ts'

/** A provider that says whatever a test wants it to say. Nobody signs in there: codes are what the test writes. */
export interface HostileProvider {
  readonly issuer: string
  /** Merged over honest metadata. */
  metadata: Readonly<Record<string, unknown>>
  /** Claims of the next ID token, merged over honest ones; `undefined` takes one away. */
  claims: Readonly<Record<string, unknown>>
  /** Of the next ID token's header, merged over an honest one. */
  header: Readonly<Record<string, unknown>>
  /** Signs the next ID token instead of the provider's own key; `none` leaves it unsigned. */
  signer: CryptoKey | Uint8Array | 'none' | undefined
  /** Merged over an honest token answer. */
  token: Readonly<Record<string, unknown>>
  /** The answer of the userinfo endpoint; `undefined`: an honest one. */
  userinfo: unknown
  /** By path: instead of the usual answer. */
  readonly answers: Map<
    string,
    { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }
  >
  readonly calls: Map<string, number>
  /** The last call of the token endpoint. */
  lastToken: { readonly authorization: string | undefined; readonly form: URLSearchParams } | undefined
  /** The nonce of the sign-in that is being answered. */
  nonce: string
  readonly key: CryptoKey
  /** A token signed by the provider's key. */
  sign(
    payload: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
    key?: CryptoKey | Uint8Array,
  ): Promise<string>
  describe(more?: Partial<OidcUpstreamOptions>): OidcUpstreamOptions
  close(): Promise<void>
}

/** What the gateway is registered with. */
export const clientSecret = mintSecret('a client secret')

async function read(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return new URLSearchParams(Buffer.concat(chunks).toString())
}

const seconds = () => Math.floor(Date.now() / 1000)

export async function startHostileProvider(): Promise<HostileProvider> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
  const answers: HostileProvider['answers'] = new Map()
  const calls = new Map<string, number>()

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    calls.set(pathname, (calls.get(pathname) ?? 0) + 1)
    const set = answers.get(pathname)
    if (set !== undefined) {
      response.writeHead(set.status, { 'content-type': 'application/json', ...set.headers }).end(set.body)
      return
    }
    read(request)
      .then((form) => {
        if (pathname === '/token') {
          for (const name of ['code', 'code_verifier', 'refresh_token']) secret(form.get(name) ?? '', `\`${name}\``)
          provider.lastToken = { authorization: request.headers.authorization, form }
        }
        return usual(pathname)
      })
      .then((body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)))
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const issuer = `http://localhost:${typeof address === 'object' ? address?.port : 0}`

  const provider: HostileProvider = {
    issuer,
    metadata: {},
    claims: {},
    header: {},
    signer: undefined,
    token: {},
    userinfo: undefined,
    answers,
    calls,
    lastToken: undefined,
    nonce: '',
    key: privateKey,
    sign: async (payload, header = {}, key = privateKey) =>
      secret(
        await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'JWT', ...header }).sign(key),
        'a token of the provider',
      ),
    describe: (more = {}) => ({
      kind: 'oidc',
      issuer,
      clientId: 'postern',
      clientSecret,
      timeout: '20s',
      ...more,
    }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  async function idToken(): Promise<string> {
    const claims = {
      iss: issuer,
      sub: 'ada',
      aud: 'postern',
      iat: seconds(),
      exp: seconds() + 300,
      nonce: provider.nonce,
      ...provider.claims,
    }
    if (provider.signer === 'none') {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none', ...provider.header })}.${part(claims)}.`
    }
    return provider.sign(claims, provider.header, provider.signer)
  }

  async function usual(path: string): Promise<unknown> {
    switch (path) {
      case '/.well-known/openid-configuration':
        return {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          userinfo_endpoint: `${issuer}/userinfo`,
          jwks_uri: `${issuer}/jwks`,
          id_token_signing_alg_values_supported: ['ES256'],
          ...provider.metadata,
        }
      case '/jwks':
        return { keys: [jwk] }
      case '/token':
        return {
          access_token: 'an-access-token',
          token_type: 'Bearer',
          expires_in: 600,
          id_token: await idToken(),
          ...provider.token,
        }
      case '/userinfo':
        return provider.userinfo ?? { sub: 'ada', name: 'Ada' }
      default:
        throw new Error(path)
    }
  }

  return provider
}
