import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PosternEvent } from '../../src/base/events.ts'
import type { Reason } from '../../src/base/reasons.ts'
import type { Options } from '../../src/config/options.ts'
import type { LoginUpstreamOptions } from '../../src/config/upstream-options.ts'
import { writeKeyFile } from '../../src/keys/folder.ts'
import { generateSealingKey, generateSigningKey } from '../../src/keys/generate.ts'
import { giveRefreshTokens, refreshing } from '../life/timeline.ts'
import { begin, clockOfNow, openSite, pathOf, signedIn, signIn, type Site } from '../oidc/site.ts'
import { dpopSite, type DpopSite } from '../dpop/site.ts'
import { headerOf, payloadOf, signed } from '../security/forge.ts'
import { hostileTokens, type HostileToken } from '../security/hostile-tokens.ts'
import { startBackend } from '../support/backend.ts'
import { bearerToken, BrowserClient, formPost, navigation, sameOriginFetch, send } from '../support/browser-client.ts'
import { hours, minutes } from '../support/clock.ts'
import { DeviceBrowser, startDeviceGateway } from '../support/device.ts'
import { basic, reportsSecret, startExchangeSite, type ExchangeSite } from '../support/exchange.ts'
import { freePort, startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { startHostileProvider } from '../support/hostile-provider.ts'
import { keyFrom } from '../support/keys.ts'
import { proofKey, proofOf } from '../support/proofs.ts'
import { Visitor } from '../support/provider.ts'
import { serviceOptions } from '../support/service.ts'
import { eventually } from '../support/settled.ts'
import { exchange } from '../wire/raw.ts'

/* Each kind of decision, made once by what a client, a service or an operator does. */

/** Has it happen, and gives the gateway that said so. */
type Drive = (t: TestContext) => Promise<Gateway>

type EventType = PosternEvent['type']

const json = { 'content-type': 'application/json' }
const admin = (gateway: Gateway, user = 'john') => new BrowserClient(gateway.origin, gateway.clock).signIn(user)

async function open(
  t: TestContext,
  upstream: (usual: LoginUpstreamOptions) => LoginUpstreamOptions = (usual) => usual,
  { options, ...settings }: Omit<GatewaySettings, 'options'> & { readonly options?: Partial<Options> } = {},
): Promise<Gateway> {
  const gateway = await startGateway({
    ...settings,
    options: (_origin, service) => ({
      session: { renewWait: '30s' },
      upstreams: { accounts: upstream(serviceOptions(service.origin)) },
      ...options,
    }),
  })
  t.after(() => gateway.close())
  return gateway
}

/** Something that a browser of somebody signed in does. */
const inside =
  (
    act: (browser: BrowserClient, gateway: Gateway) => Promise<unknown>,
    upstream?: (usual: LoginUpstreamOptions) => LoginUpstreamOptions,
  ): Drive =>
  async (t) => {
    const gateway = await open(t, upstream)
    const browser = new BrowserClient(gateway.origin)
    await browser.signIn('john')
    await act(browser, gateway)
    return gateway
  }

/** Something that anybody does. */
const outside =
  (act: (gateway: Gateway) => Promise<unknown>, settings: Parameters<typeof open>[2] = {}): Drive =>
  async (t) => {
    const gateway = await open(t, undefined, settings)
    await act(gateway)
    return gateway
  }

/** Something that the browser of a bound session does. */
const bound =
  (act: (browser: DeviceBrowser) => Promise<unknown>, settings: Parameters<typeof startDeviceGateway>[1] = {}): Drive =>
  async (t) => {
    const gateway = await startDeviceGateway(t, settings)
    await act(await (await DeviceBrowser.open(gateway.origin)).signInBound())
    return gateway
  }

const atService = (act: (gateway: Gateway) => unknown, upstream?: Parameters<typeof inside>[1]): Drive => {
  return async (t) => {
    const gateway = await open(t, upstream)
    act(gateway)
    await admin(gateway)
    return gateway
  }
}

const locked = (as: 'locked' | 'password_expired' | 'rate_limited') =>
  atService(
    ({ service }) => {
      const user = service.users.get('john')
      if (user !== undefined) user.disabled = true
    },
    ({ login, ...usual }) => ({ ...usual, login: { ...login, refusals: [{ status: [423], as }] } }),
  )

const ofNextFormat: HostileToken['make'] = ({ key, header, payload }) =>
  signed(key, JSON.stringify(header), JSON.stringify({ ...payload, v: Number(payload['v']) + 1 }))

/** A Bearer token that is no good for that reason. */
const forged = (reason: Reason): Drive =>
  outside(async (gateway) => {
    const key = gateway.keys.find(({ kind }) => kind === 'signing')
    if (key?.kind !== 'signing') throw new Error('there is no key')
    const good = await bearerToken(gateway.origin)
    const stranger = async (alg: 'ES256' | 'ES384') => {
      const made = await keyFrom({ ...(await generateSigningKey(alg, { activatesAt: 0 })), kid: key.kid })
      if (made.kind !== 'signing') throw new Error('it is none')
      return made
    }
    const hostile =
      reason === 'unknown_version' ? ofNextFormat : hostileTokens.find((one) => one.reason === reason)?.make
    if (hostile === undefined) throw new Error(`no token is refused for ${reason}`)
    const token = await hostile({
      kind: 'access',
      good,
      header: headerOf(good),
      payload: payloadOf(good),
      key,
      foreign: await stranger('ES256'),
      foreign384: await stranger('ES384'),
      listener: 'http://127.0.0.1:9',
      now: Math.floor(gateway.clock() / 1000),
    })
    await send(`${gateway.origin}/protected`, 'GET', { authorization: `Bearer ${token}` })
  })

const undecryptable = inside(async (browser, { keys, origin }) => {
  const key = keys.find(({ kind }) => kind === 'signing')
  const good = browser.cookies.get('postern') ?? ''
  if (key?.kind !== 'signing') throw new Error('there is no key')
  const payload = { ...payloadOf(good), upt: 'a.b.c.d.e' }
  const cookie = `postern=${await signed(key, JSON.stringify(headerOf(good)), JSON.stringify(payload))}`
  await send(`${origin}/_auth/login`, 'GET', { ...navigation, cookie })
})

/** To a gateway with routes, in front of a backend that may not be there. */
const proxied =
  (
    act: (gateway: Gateway) => Promise<unknown>,
    routes: (backend: string, nobody: string) => Options['routes'] = () => undefined,
    more: Partial<Options> = {},
  ): Drive =>
  async (t) => {
    const backend = await startBackend()
    t.after(() => backend.close())
    backend.handle = () => undefined
    const nobody = `http://127.0.0.1:${await freePort()}`
    const made = routes(backend.origin, nobody)
    const options = { ...more, ...(made === undefined ? {} : { routes: made }) }
    const gateway = await open(t, undefined, { face: 'server', options })
    await act(gateway)
    return gateway
  }

/** On the wire: what a client library would not send. */
const bytes = (...lines: readonly string[]): Drive =>
  proxied((gateway) => exchange(gateway, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`))

const traded =
  (
    act: (site: ExchangeSite) => Promise<unknown>,
    options: (site: { readonly origin: string }) => Partial<Options> = () => ({}),
  ): Drive =>
  async (t) => {
    const site = await startExchangeSite({ options })
    t.after(() => site.close())
    await act(site)
    return site.gateway
  }

const atProvider =
  (act: (site: Site, browser: BrowserClient) => Promise<unknown>): Drive =>
  async (t) => {
    const site = await openSite(t)
    await act(site, new BrowserClient(site.gateway.origin))
    return site.gateway
  }

/** A gateway that follows a folder of keys, and one that somebody changes. */
const keys =
  (change: (dir: string, now: number) => Promise<unknown>, until: EventType): Drive =>
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'postern-audit-'))
    t.after(() => rmSync(dir, { recursive: true, force: true }))
    const activatesAt = Date.parse('2026-11-24T11:00:00Z')
    await writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt }))
    await writeKeyFile(dir, generateSealingKey({ activatesAt }))
    const gateway = await open(t, undefined, { keys: 'folder', options: { keys: { dir } } })
    await change(dir, gateway.clock())
    await eventually(() => gateway.events.some(({ type }) => type === until), `no ${until}`)
    return gateway
  }

const revocations =
  (text: string, until: EventType): Drive =>
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'postern-audit-'))
    t.after(() => rmSync(dir, { recursive: true, force: true }))
    const file = join(dir, 'revocations.yaml')
    const gateway = await open(t, undefined, { options: { revocations: { file } } })
    const before = gateway.events.length
    writeFileSync(file, text)
    await eventually(() => gateway.events.slice(before).some(({ type }) => type === until), `no ${until}`)
    return gateway
  }

/** The upstream is asked at a renewal, and is as that says. */
const renewing = (
  change: (gateway: Gateway) => unknown,
  upstream?: (usual: LoginUpstreamOptions) => LoginUpstreamOptions,
): Drive =>
  inside(async (browser, gateway) => {
    gateway.clock.advance(minutes(4))
    await change(gateway)
    await browser.send('/protected')
  }, upstream)

const shortly = (usual: LoginUpstreamOptions): LoginUpstreamOptions => ({ ...usual, timeout: '200ms' })

/** With tokens that are bound to the keys of clients. */
const proven =
  (act: (site: DpopSite) => Promise<unknown>, dpop: Options['dpop'] = { mode: 'optional', nonces: false }): Drive =>
  async (t) => {
    const site = await dpopSite(t, { dpop })
    await act(site)
    return site.gateway
  }

/** A bound token with a proof that is no good for one reason. */
const unproven = (more: Parameters<DpopSite['use']>[2]): Drive =>
  proven(async (site) => site.use('/protected', await site.boundToken(), more))

/** The same with a header as it is made. */
const withHeader = (make: (site: DpopSite, token: string) => Promise<string>): Drive =>
  proven(async (site) => {
    const token = await site.boundToken()
    const headers = { authorization: `DPoP ${token}`, dpop: await make(site, token) }
    await send(`${site.gateway.origin}/protected`, 'GET', headers)
    await send(`${site.gateway.origin}/protected`, 'GET', headers)
  })

/** By decision and reason, as the document names them. */
export const decisions: Readonly<Record<string, Readonly<Record<string, Drive>>>> = {
  'somebody is signed in, by form, by JSON or at a provider': {
    form: outside((gateway) => admin(gateway)),
    json: outside(({ origin }) => bearerToken(origin)),
    provider: atProvider((_site, browser) => signIn(browser)),
    bound: proven(async (site) => site.boundToken()),
  },
  'the service does not take what was typed': {
    bad_credentials: outside(({ origin }) => new BrowserClient(origin).signIn('john', 'not the password')),
    locked: locked('locked'),
    password_expired: locked('password_expired'),
  },
  'a second step is due': {
    second_factor: atService(
      ({ service }) => service.users.delete('john'),
      (usual) => ({
        ...usual,
        secondStep: {
          when: { status: [401] },
          fields: [{ name: 'code', label: 'Code' }],
          request: { path: '/code', json: { code: '{code}' } },
        },
      }),
    ),
  },
  'a second step, or the way back from a provider, is not of a sign-in that began here': {
    bad_transaction: outside(({ origin }) =>
      new BrowserClient(origin).signIn('john', 'password123', { transaction: 'forged', code: '1' }),
    ),
    provider_mixed_up: atProvider(async (_site, browser) => {
      const callback = new URL(await new Visitor().visit(await begin(browser)))
      callback.searchParams.set('iss', 'https://sso.example.com')
      await browser.send(pathOf(callback.href))
    }),
    code_refused: atProvider(async (_site, browser) => {
      const callback = await new Visitor().visit(await begin(browser))
      await browser.send(pathOf(callback))
      await browser.send(pathOf(callback))
    }),
    // Its ID token has no nonce.
    bad_identity: async (t) => {
      const provider = await startHostileProvider()
      t.after(() => provider.close())
      provider.claims = { nonce: undefined }
      const gateway = await startGateway({
        clock: clockOfNow(),
        options: () => ({ upstreams: { company: provider.describe() } }),
      })
      t.after(() => gateway.close())
      const browser = new BrowserClient(gateway.origin)
      const state = new URL(await begin(browser)).searchParams.get('state') ?? ''
      await browser.send(`/_auth/oidc/company/callback?${new URLSearchParams({ state, code: 'a-code' }).toString()}`)
      return gateway
    },
  },
  'a provider does not sign the person in': {
    provider_denied: atProvider(async (_site, browser) => {
      await browser.send(pathOf(await new Visitor().visit(await begin(browser), 'no')))
    }),
  },
  'too many attempts, by our limits or the service’s': {
    rate_limited: outside(async ({ origin }) => {
      for (let count = 0; count < 6; count += 1) await new BrowserClient(origin).signIn('john', 'not the password')
    }),
  },
  'the service cannot be asked, or its answer not be used': {
    upstream_unavailable: atService(({ service }) => (service.mode = 'down')),
    upstream_slow: atService(({ service }) => (service.mode = 'hang'), shortly),
    upstream_bad: atService(({ service }) => (service.mode = 'garbage')),
    cookie_too_large: atService(({ service }) => (service.tokenLength = 9_000)),
  },
  'nobody is signed in': {
    missing: outside(({ origin }) => send(`${origin}/protected`)),
    tombstoned: inside(async (browser) => {
      const before = browser.cookies.get('postern') ?? ''
      await browser.signOut()
      browser.cookies.set('postern', before)
      await browser.send('/protected', 'GET', sameOriginFetch)
    }),
  },
  'a credential is no good': {
    ...Object.fromEntries(
      (
        [
          'malformed',
          'bad_signature',
          'unknown_kid',
          'bad_header',
          'wrong_kind',
          'wrong_audience',
          'wrong_issuer',
          'bound_token',
          'bad_claims',
          'not_yet_valid',
          'unknown_version',
          'credential_too_large',
        ] as const
      ).map((reason) => [reason, forged(reason)]),
    ),
    undecryptable,
    duplicate_credentials: outside(async ({ origin }) => {
      const authorization = `Bearer ${await bearerToken(origin)}`
      await send(`${origin}/protected`, 'GET', { authorization, cookie: 'postern=abc' })
    }),
  },
  'the proof of a key is no good, or a token is bound to none': {
    unbound_token: proven(async (site) => site.use('/protected', String((await site.signIn()).json()['access_token']))),
    proof_missing: proven(async (site) => {
      const authorization = `DPoP ${await site.boundToken()}`
      await send(`${site.gateway.origin}/protected`, 'GET', { authorization })
    }),
    proof_repeated: withHeader(async (site, token) => `${await site.prove('/protected', { token })}, x`),
    proof_malformed: withHeader(async () => 'x'),
    proof_bad_algorithm: withHeader(async (site, token) =>
      (await site.prove('/protected', { token })).replace(
        /^[^.]+/,
        Buffer.from('{"typ":"dpop+jwt"}').toString('base64url'),
      ),
    ),
    proof_bad_key: unproven({ header: { jwk: {} } }),
    proof_bad_signature: withHeader(
      async (site, token) => `${(await site.prove('/protected', { token })).slice(0, -9)}`,
    ),
    proof_wrong_method: withHeader((site, token) => site.prove('/protected', { token, htm: 'POST' })),
    proof_wrong_uri: withHeader((site, token) => site.prove('/admin', { token })),
    proof_wrong_token: withHeader((site) => site.prove('/protected')),
    proof_wrong_key: withHeader(async (site, token) => site.prove('/protected', { token }, await proofKey())),
    proof_stale: unproven({ at: 0 }),
    proof_nonce_due: proven(async (site) => site.use('/protected', await site.boundToken(), { nonce: undefined }), {
      mode: 'optional',
    }),
    proof_replayed: withHeader((site, token) => site.prove('/protected', { token })),
  },
  'no token is given without a good proof': {
    proof_missing: proven((site) => site.signIn(), { mode: 'required' }),
  },
  'nor traded': {
    proof_missing: traded(
      async (site) => site.trade(await site.serviceToken()),
      () => ({ dpop: { mode: 'required' } }),
    ),
  },
  'a session is over': {
    expired: outside(async ({ origin, clock }) => {
      const authorization = `Bearer ${await bearerToken(origin)}`
      clock.advance(hours(1))
      await send(`${origin}/protected`, 'GET', { authorization })
    }),
    not_bound: async (t) => {
      const gateway = await startDeviceGateway(t, { mode: 'require' })
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn('john')
      gateway.clock.advance(minutes(6))
      await browser.send('/protected')
      return gateway
    },
    idle: inside(async (browser, { clock }) => {
      clock.advance(minutes(31))
      await browser.send('/protected')
    }),
    absolute: inside(async (browser, { clock }) => {
      clock.advance(hours(24))
      await browser.send('/protected')
    }),
    upstream_expired: async (t) => {
      const gateway = await open(t)
      gateway.service.expiresIn = 60
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn()
      gateway.clock.advance(minutes(2))
      await browser.send('/protected')
      return gateway
    },
    upstream_refused: renewing(({ service }) => service.tokens.clear()),
    revoked: outside(async ({ origin }) => {
      const authorization = `Bearer ${await bearerToken(origin)}`
      await send(`${origin}/_auth/logout`, 'POST', { authorization })
      await send(`${origin}/protected`, 'GET', { authorization })
    }),
  },
  'a person may not do that': { forbidden: inside((browser) => browser.send('/admin')) },
  'a request comes from another site': {
    csrf: inside((browser) => browser.send('/protected', 'POST', { 'sec-fetch-site': 'cross-site' })),
  },
  'a peer may not ask for others': {
    untrusted_proxy: outside(({ origin }) => send(`${origin}/_auth/verify/nginx`), {
      options: { forwardAuth: ['nginx'], trustedProxies: ['192.0.2.1'] },
    }),
  },
  'a request has no one meaning, no place here, or not the form that it must have': {
    ambiguous_path: bytes('GET /a//b HTTP/1.1', 'Host: x'),
    duplicate_host: bytes('GET / HTTP/1.1', 'Host: x', 'Host: y'),
    bad_request: bytes('GET / HTTP/1.1', 'Host: x', 'bad header'),
    not_found: proxied(({ origin }) => send(`${origin}/nowhere`)),
    method_not_allowed: outside(({ origin }) => send(`${origin}/_auth/login`, 'DELETE')),
    too_large: proxied(({ origin }) => send(`${origin}/_auth/login`, 'POST', json, `"${'a'.repeat(20_000)}"`)),
    unsupported_media_type: proxied(({ origin }) =>
      send(`${origin}/_auth/login`, 'POST', { 'content-type': 'text/plain' }, 'a'),
    ),
    expectation_failed: bytes('POST / HTTP/1.1', 'Host: x', 'Content-Length: 0', 'Expect: more'),
    header_too_large: bytes('GET / HTTP/1.1', 'Host: x', `X: ${'a'.repeat(30_000)}`),
    timeout: proxied(async (gateway) => {
      Object.assign(gateway.app.server, { headersTimeout: 1, requestTimeout: 1 })
      await exchange(gateway, 'GET / HTTP/1.1\r\nHost: x\r\n')
    }),
    prefetch: inside(async (browser, { clock }) => {
      clock.advance(minutes(6))
      await browser.send('/protected', 'GET', { ...navigation, 'sec-purpose': 'prefetch' })
    }),
  },
  'the process has more to do than it can': {
    overloaded: proxied(
      async ({ origin }) => {
        // The first to come is held by the backend.
        const held = (path: string) => send(`${origin}${path}`).catch(() => undefined)
        await Promise.race([held('/open/1'), held('/open/2')])
      },
      (backend) => [{ path: '/open/', access: 'public', backend }],
      { overload: { maxRequests: 1 } },
    ),
  },
  'a backend does not answer': {
    backend_bad: proxied(
      ({ origin }) => send(`${origin}/x`),
      (_backend, nobody) => [{ path: '/', access: 'public', backend: nobody }],
    ),
    backend_slow: proxied(
      ({ origin }) => send(`${origin}/x`),
      (backend) => [{ path: '/', access: 'public', backend, timeout: '100ms' }],
    ),
  },
  'a fault of ours or of the app': {
    internal: outside(({ origin }) => send(`${origin}/throws`), {
      face: 'server',
      routes: (app) => {
        app.get('/throws', async () => {
          throw new RangeError('a secret may stand here')
        })
      },
    }),
  },
  'a session is renewed': {
    'by a guard': renewing(() => undefined),
    'by its page': inside((browser, { clock }) => {
      clock.advance(minutes(4))
      return browser.send('/_auth/renew', 'POST', sameOriginFetch)
    }),
  },
  'a session is not renewed, or not now': {
    upstream_refused: renewing(({ service }) => service.tokens.clear()),
    upstream_expired: async (t) => {
      const gateway = await open(t)
      gateway.service.expiresIn = 60
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn()
      gateway.clock.advance(minutes(2))
      await browser.send('/protected')
      return gateway
    },
    upstream_unavailable: inside((browser, { clock, service }) => {
      clock.advance(minutes(4))
      service.mode = 'down'
      return browser.send('/_auth/renew', 'POST', sameOriginFetch)
    }),
    upstream_slow: renewing(({ service }) => (service.mode = 'hang'), shortly),
    upstream_bad: renewing(({ service }) => (service.mode = 'garbage')),
    cookie_too_large: async (t) => {
      const gateway = await open(t, refreshing)
      giveRefreshTokens(gateway.service)
      const browser = new BrowserClient(gateway.origin)
      await browser.signIn()
      gateway.service.tokenLength = 9_000
      gateway.clock.advance(minutes(4))
      await browser.send('/protected')
      return gateway
    },
  },
  'a session is bound to a device': { '': bound(async () => undefined) },
  'a browser signs for a fresh cookie': { '': bound((browser) => browser.refresh()) },
  'it is asked to sign first': { device_challenge: bound((browser) => browser.ask()) },
  'a proof is none of the key, of the session or of now': {
    bad_device_proof: bound((browser) => browser.register()),
  },
  'somebody signs out': {
    told: inside((browser) => browser.signOut()),
    'not told': inside((browser, { service }) => {
      service.mode = 'down'
      return browser.signOut()
    }),
  },
  'a provider says that somebody signed out there': {
    '': async (t) => {
      const site = await openSite(t)
      await signedIn(site)
      await site.provider.signOutEverywhere('ada', site.provider.sids.at(-1))
      return site.gateway
    },
    person: async (t) => {
      const site = await openSite(t, { provider: { client: { backchannel_logout_session_required: false } } })
      await signedIn(site)
      await site.provider.signOutEverywhere('ada')
      return site.gateway
    },
  },
  'what it says is not believed': {
    bad_logout_token: atProvider(({ gateway: { origin } }) =>
      send(`${origin}/_auth/oidc/company/backchannel-logout`, 'POST', formPost, 'logout_token=a.b.c'),
    ),
  },
  'a token is exchanged': {
    '': traded(async (site) => site.trade(await site.serviceToken(), { upstream: 'accounts' })),
    bound: traded(
      async (site) => {
        const htu = `${site.gateway.origin}/_auth/token`
        const dpop = await proofOf(await proofKey(), { htm: 'POST', htu, at: site.gateway.clock() })
        const more = { subject_token: await site.serviceToken(), client_id: 'cli', upstream: 'accounts' }
        await site.token({ ...trading, ...more }, { dpop })
      },
      () => ({ dpop: { mode: 'optional', nonces: false } }),
    ),
  },
  'a client is not who it says': {
    unknown_client: traded((site) => site.trade('a-token', { client_id: 'nobody' })),
    wrong_client_secret: traded((site) =>
      site.token({ ...trading, subject_token: 'a-token' }, basic('reports', reportsSecret.slice(1))),
    ),
    wrong_client_method: traded((site) => site.trade('a-token', { client_id: 'reports' })),
    bad_client_assertion: traded((site) =>
      site.trade('a-token', {
        client_id: 'signer',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: `${segment({ alg: 'ES256' })}.${segment({ sub: 'signer', iss: 'signer' })}.AAAA`,
      }),
    ),
    rate_limited: traded(async (site) => {
      for (let count = 0; count < 8; count += 1)
        await site.token({ ...trading, subject_token: 'a-token' }, basic('reports', `${count}`))
    }),
  },
  'a token that a client brings is no good': {
    bad_subject_token: traded(async (site) => site.trade(await site.issuer.sign({ aud: 'x' }), { upstream: 'signed' })),
    expired_subject_token: traded(async (site) =>
      site.trade(await site.issuer.sign({ iat: 1, exp: 1_000 }), { upstream: 'signed' }),
    ),
    refused_subject_token: traded((site) => site.trade('no-token-of-the-service', { upstream: 'accounts' })),
    bound_subject_token: traded(async (site) =>
      site.trade(await site.issuer.sign({ cnf: { jkt: 'x' } }), { upstream: 'signed' }),
    ),
    revoked_subject_token: async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'postern-audit-'))
      t.after(() => rmSync(dir, { recursive: true, force: true }))
      const file = join(dir, 'revocations.yaml')
      writeFileSync(file, `subjects: { "signed|42": ${new Date().toISOString()} }\n`)
      return traded(
        async (site) => site.trade(await site.issuer.sign({ iat: 1 }), { upstream: 'signed' }),
        () => ({ revocations: { file } }),
      )(t)
    },
  },
  'a client asks for what it does not get': {
    invalid_target: traded((site) => site.trade('a-token', { audience: 'https://elsewhere.example.com' })),
    invalid_scope: traded((site) => site.trade('a-token', { scope: 'everything' })),
    unsupported_grant_type: traded((site) => site.token({ grant_type: 'password' })),
    bad_request: traded((site) => site.trade('a-token')),
  },
  'the upstream of a token cannot be asked': {
    upstream_unavailable: traded((site) => {
      site.gateway.service.mode = 'down'
      return site.trade('a-token', { upstream: 'accounts' })
    }),
    upstream_slow: traded((site) => {
      site.gateway.service.mode = 'hang'
      return site.trade('a-token', { upstream: 'accounts' })
    }),
    upstream_bad: traded((site) => {
      site.gateway.service.mode = 'garbage'
      return site.trade('a-token', { upstream: 'accounts' })
    }),
  },
  'keys came or went': {
    '': keys(
      async (dir, now) => writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt: now + hours(1) })),
      'keys_changed',
    ),
  },
  'a key is in use from now on': {
    '': keys(
      async (dir, now) => writeKeyFile(dir, await generateSigningKey('ES256', { activatesAt: now - minutes(1) })),
      'keys_in_use',
    ),
  },
  'the key folder has a fault': {
    '': keys(async (dir) => writeFileSync(join(dir, 'junk.jwk.json'), '{', { mode: 0o600 }), 'keys_refused'),
  },
  'a list of revocations is in force': {
    '': revocations('subjects: { "accounts|1": 2026-11-24T11:00:00Z }\n', 'revocations_applied'),
  },
  'a list of revocations cannot be used': { '': revocations('notBefore: yesterday\n', 'revocations_refused') },
  'a dangerous switch is on': {
    '': outside(async () => undefined, { options: { insecure: { httpUpstreams: true } } }),
  },
  'the gateway starts': { '': outside(async () => undefined) },
  'the gateway stops': { '': outside((gateway) => gateway.close()) },
}

const trading = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
}

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
