import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import Provider, { type Context } from 'oidc-provider'
import type { OidcUpstreamOptions } from '../../src/config/oidc-options.ts'
import { send } from './browser-client.ts'
import { secret as remember, secretKey } from './canaries.ts'
import { freePort } from './gateway.ts'

/** A real provider over a real socket, with its own sign-in page. */
export interface TestProvider {
  readonly issuer: string
  /** What it answers from now on. `down`: 503; `hang`: nothing at all. */
  mode: 'well' | 'down' | 'hang'
  /** Calls of the gateway, by path. */
  readonly calls: Map<string, number>
  /** Seconds that an access token lives, from the next one on. */
  tokenLife: number
  /** People who may not be asked about any more: userinfo and refresh know nobody of that name. */
  readonly gone: Set<string>
  /** Whether a person of that name has been signed out there, and the gateway told so: by session or by person. */
  signOutEverywhere(sub: string, sid?: string): Promise<void>
  /** Sessions that it knows, newest last: the `sid` that stands in ID tokens. */
  readonly sids: string[]
  /** The description of it in the gateway's configuration; the gateway is registered with it. */
  describe(gateway: string, key?: string, more?: Partial<OidcUpstreamOptions>): OidcUpstreamOptions
  close(): Promise<void>
}

export interface ProviderSettings {
  /** RFC 9207. Default: true. */
  readonly namesItself?: boolean
  readonly port?: number
  /** Another one than the gateway’s is another site for a browser. Default: `localhost`, as the gateway’s. */
  readonly host?: 'localhost' | '127.0.0.1'
  /** Merged over the client's registration. */
  readonly client?: object
}

const secret = remember('a-secret-of-the-client-that-nobody-else-has', 'a client secret')

export async function startProvider(settings: ProviderSettings = {}): Promise<TestProvider> {
  const port = settings.port ?? (await freePort())
  const issuer = `http://${settings.host ?? 'localhost'}:${port}`
  const key = { ...(await privateJwk()), kid: 'provider-1', use: 'sig', alg: 'ES256' }
  const sids: string[] = []
  const calls = new Map<string, number>()
  let library: Provider | undefined
  let clients: object[] = []

  const provider: TestProvider = {
    issuer,
    mode: 'well',
    calls,
    tokenLife: 3600,
    gone: new Set(),
    sids,
    async signOutEverywhere(sub, sid) {
      const client = await library?.Client.find('postern')
      await client?.backchannelLogout(sub, sid ?? '')
    },
    describe(gateway, name = 'company', more = {}) {
      clients = [
        {
          client_id: 'postern',
          client_secret: secret,
          grant_types: ['authorization_code', 'refresh_token'],
          redirect_uris: [`${gateway}/_auth/oidc/${name}/callback`],
          post_logout_redirect_uris: [`${gateway}/_auth/logout`],
          backchannel_logout_uri: `${gateway}/_auth/oidc/${name}/backchannel-logout`,
          backchannel_logout_session_required: true,
          id_token_signed_response_alg: 'ES256',
          ...settings.client,
        },
      ]
      library = make()
      return {
        kind: 'oidc',
        title: 'Company',
        issuer,
        clientId: 'postern',
        clientSecret: secret,
        timeout: '20s',
        ...more,
      }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  function make(): Provider {
    const made = new Provider(issuer, {
      clients,
      jwks: { keys: [key] },
      cookies: { keys: ['some keys of the provider itself'] },
      claims: { openid: ['sub', 'sid'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
      features: {
        devInteractions: { enabled: false },
        backchannelLogout: { enabled: true },
        revocation: { enabled: true },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: async (ctx: { body: string }, form: string) => {
            ctx.body = `<!doctype html><title>Sign out</title><body>${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Yes</button></body>`
          },
        },
      },
      ttl: {
        AccessToken: () => provider.tokenLife,
        AuthorizationCode: 60,
        IdToken: 3600,
        RefreshToken: 86_400,
        Interaction: 3600,
        Session: 86_400,
        Grant: 86_400,
      },
      responseTypes: ['code'],
      ...(settings.namesItself === false ? { authorizationResponseIssParameter: false } : {}),
      rotateRefreshToken: true,
      // Its own rule against calls into this very machine is what a test has to do without.
      fetch: (address: string, options: object) => fetch(address, { ...options, dispatcher: undefined } as object),
      issueRefreshToken: () => true,
      async findAccount(_ctx: unknown, id: string) {
        if (provider.gone.has(id)) return undefined
        return {
          accountId: id,
          claims: () => ({
            sub: id,
            name: `${id} of Company`,
            preferred_username: id,
            email: `${id}@company.example`,
            // Some say so in words.
            email_verified: id === 'eve' ? 'false' : id !== 'mallory',
          }),
        }
      },
      async loadExistingGrant({ oidc }: Context) {
        const known = oidc.session.grantIdFor(oidc.client.clientId)
        if (known !== undefined) return oidc.provider.Grant.find(known)
        const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
        grant.addOIDCScope(oidc.params.scope)
        await grant.save()
        return grant
      },
      interactions: { url: (_ctx: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    })
    made.on('grant.success', (ctx) => {
      const { body, oidc } = ctx as { body: object; oidc: { params: object } }
      for (const [name, value] of Object.entries({ ...oidc.params, ...body }))
        if (/token$|^code/.test(name) && typeof value === 'string') remember(value, `\`${name}\` of the provider`)
    })
    made.on('authorization.success', (ctx) => {
      const { session, client } = (
        ctx as { oidc: { session: { sidFor(id: string): string }; client: { clientId: string } } }
      ).oidc
      sids.push(session.sidFor(client.clientId))
    })
    return made
  }

  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'text/html')
      response.end(
        '<!doctype html><title>Company</title><form method="post"><label>Name <input name="account" autofocus></label><button name="say" value="yes">Sign in</button><button name="say" value="no">No</button></form>',
      )
      return
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    const result =
      form.get('say') === 'no'
        ? { error: 'access_denied', error_description: '<script>alert("no")</script>' }
        : { login: { accountId: form.get('account') } }
    await library?.interactionFinished(request, response, result)
  }

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', issuer).pathname
    calls.set(path, (calls.get(path) ?? 0) + 1)
    if (provider.mode === 'hang') return
    if (provider.mode === 'down') {
      response.writeHead(503, { 'content-type': 'text/html' }).end('<html>maintenance</html>')
    } else if (path.startsWith('/interaction/')) {
      interact(request, response).catch(() => response.destroy())
    } else if (library === undefined) {
      response.writeHead(404).end()
    } else library.callback()(request, response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return provider
}

async function privateJwk(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  secretKey(jwk)
  return jwk
}

/** What a person does at the provider, from the address that the gateway sent them to until the way back. */
export class Visitor {
  readonly cookies = new Map<string, string>()
  readonly account: string

  constructor(account = 'ada') {
    this.account = account
  }

  /** The address of the gateway that the provider sends the browser to. */
  async visit(location: string, say: 'yes' | 'no' = 'yes'): Promise<string> {
    const { origin } = new URL(location)
    let address = location
    for (let hop = 0; hop < 10; hop += 1) {
      const asked = new URL(address)
      if (asked.origin !== origin) return address
      const form = asked.pathname.startsWith('/interaction/')
      const body = form ? new URLSearchParams({ account: this.account, say }).toString() : undefined
      const answer = await send(
        address,
        form ? 'POST' : 'GET',
        {
          cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          accept: 'text/html',
          ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        },
        body,
      )
      for (const cookie of answer.setCookies) {
        const [pair = ''] = cookie.split(';', 1)
        this.cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
      }
      const next = answer.headers['location']
      if (typeof next !== 'string')
        throw new Error(`The provider answered ${answer.status}: ${answer.text.slice(0, 200)}`)
      address = new URL(next, address).href
      await sleep(0)
    }
    throw new Error('The provider goes round in circles.')
  }
}
