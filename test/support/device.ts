import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import type { Options } from '../../src/config/options.ts'
import { BrowserClient, navigation, send, type Answer } from './browser-client.ts'
import { startGateway, type Gateway, type GatewaySettings } from './gateway.ts'

/** What the gateways of these tests are called; nothing has to resolve it. */
export const deviceUrl = 'https://gw.example.com'

/** As a browser sends them to the addresses that bind and refresh. */
export const deviceFetch = {
  'sec-fetch-mode': 'no-cors',
  'sec-fetch-dest': 'empty',
  'sec-fetch-site': 'same-origin',
  origin: deviceUrl,
}

export const cookie = {
  session: '__Host-postern',
  sealed: '__Host-postern-upt',
  out: '__Host-postern-out',
  device: '__Secure-postern-device',
}

type DeviceGatewaySettings = Omit<GatewaySettings, 'options' | 'publicUrl'> & {
  readonly mode?: 'off' | 'prefer' | 'require'
  readonly session?: Options['session']
  readonly options?: GatewaySettings['options']
}

/** A gateway that binds sessions. Its public address is https, so cookies have their real names; what is sent is plain http. */
export async function startDeviceGateway(t: TestContext, settings: DeviceGatewaySettings = {}): Promise<Gateway> {
  const { mode = 'prefer', session, options, ...rest } = settings
  const gateway = await startGateway({
    publicUrl: deviceUrl,
    ...rest,
    options: (origin, service) => ({
      ...options?.(origin, service),
      session: { deviceBound: mode, ...session },
    }),
  })
  t.after(() => gateway.close())
  return gateway
}

export interface ProofParts {
  readonly alg?: string
  readonly typ?: string
  readonly jwk?: JWK | undefined
  readonly aud?: string
  readonly key?: CryptoKey
}

/**
 * A browser with Device Bound Session Credentials, as far as Chromium 156 was seen to do it: it registers once after a
 * sign-in, keeps the newest challenge, and signs a second time only when it is asked to.
 */
export class DeviceBrowser extends BrowserClient {
  readonly alg: 'ES256' | 'RS256'
  private readonly pair: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey }
  /** Of the last sign-in. */
  offer: { readonly path: string; readonly challenge: string } | undefined
  /** What it was told of its session; undefined: it has none. */
  instructions: Readonly<Record<string, unknown>> | undefined
  challenge: string | undefined

  private constructor(
    origin: string,
    now: (() => number) | undefined,
    alg: 'ES256' | 'RS256',
    pair: DeviceBrowser['pair'],
  ) {
    super(origin, now)
    this.alg = alg
    this.pair = pair
  }

  static async open(origin: string, now?: () => number, alg: 'ES256' | 'RS256' = 'ES256'): Promise<DeviceBrowser> {
    return new DeviceBrowser(origin, now, alg, await generateKeyPair(alg, { extractable: true }))
  }

  publicJwk(): Promise<JWK> {
    return exportJWK(this.pair.publicKey)
  }

  /** What it would send to `path` and nowhere else. */
  cookiesFor(path: string): Readonly<Record<string, string>> {
    this.dropEnded()
    const sent = [...this.cookies].filter(([name]) => name !== cookie.device || path.startsWith('/_auth/device'))
    return sent.length === 0 ? {} : { cookie: sent.map(([name, value]) => `${name}=${value}`).join('; ') }
  }

  override sendOnly(
    path: string,
    method = 'GET',
    headers: Readonly<Record<string, string>> = navigation,
    body?: string,
  ) {
    return send(`${this.origin}${path}`, method, { ...this.cookiesFor(path), ...headers }, body)
  }

  override take(answer: Pick<Answer, 'setCookies'> & Partial<Pick<Answer, 'headers'>>): void {
    super.take(answer)
    const offered = answer.headers?.['secure-session-registration']
    if (offered !== undefined) this.offer = readOffer(String(offered))
    const challenge = /^"([^"]+)";id="[^"]+"$/.exec(String(answer.headers?.['secure-session-challenge']))?.[1]
    if (challenge !== undefined) this.challenge = challenge
  }

  async proof(challenge: string | undefined, { alg, typ, jwk, aud, key }: ProofParts = {}): Promise<string> {
    return new SignJWT({
      ...(challenge === undefined ? {} : { jti: challenge }),
      ...(aud === undefined ? {} : { aud }),
    })
      .setProtectedHeader({ alg: alg ?? this.alg, typ: typ ?? 'dbsc+jwt', ...(jwk === undefined ? {} : { jwk }) })
      .sign(key ?? this.pair.privateKey)
  }

  /** Its one attempt after a sign-in. */
  async register(proof?: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    assert.ok(this.offer, 'a registration was offered')
    const signed = proof ?? (await this.proof(this.offer.challenge, { jwk: await this.publicJwk() }))
    const answer = await this.send(this.offer.path, 'POST', {
      ...deviceFetch,
      'secure-session-response': signed,
      ...headers,
    })
    if (answer.status === 200) this.instructions = answer.json()
    return answer
  }

  /** Signed in, and bound. */
  async signInBound(username = 'john'): Promise<this> {
    assert.equal((await this.signIn(username)).status, 303)
    assert.equal((await this.register()).status, 200)
    return this
  }

  identifier(): string {
    return String(this.instructions?.['session_identifier'])
  }

  /** One POST, with a proof of what it was given last where it was given anything. */
  async ask(proof?: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const signed = proof ?? (this.challenge === undefined ? undefined : await this.proof(this.challenge))
    return this.send('/_auth/device/refresh', 'POST', {
      ...deviceFetch,
      'sec-secure-session-id': this.identifier(),
      ...(signed === undefined ? {} : { 'secure-session-response': signed }),
      ...headers,
    })
  }

  /** As often as it is asked to sign, which is at most once more than it did by itself. */
  async refresh(): Promise<Answer> {
    const first = await this.ask()
    const answer =
      first.status === 403 && first.headers['secure-session-challenge'] !== undefined ? await this.ask() : first
    const ended = answer.text !== '' && answer.status === 200 && answer.json()['continue'] === false
    // Any other 4xx too: it forgets the session.
    if (ended || (answer.status >= 400 && answer.status < 500)) {
      this.instructions = undefined
      this.challenge = undefined
    }
    return answer
  }

  /** A request of a page: one whose cookie is gone waits for a fresh one first. */
  async visit(path: string, headers: Readonly<Record<string, string>> = navigation): Promise<Answer> {
    this.dropEnded()
    if (this.instructions === undefined || this.cookies.has(cookie.session)) return this.send(path, 'GET', headers)
    const { status } = await this.refresh()
    const skipped: Readonly<Record<string, string>> =
      status < 500 ? {} : { 'secure-session-skipped': `server_error;session_identifier="${this.identifier()}"` }
    return this.send(path, 'GET', { ...headers, ...skipped })
  }
}

function readOffer(header: string): DeviceBrowser['offer'] {
  const match = /^\(ES256 RS256\);path="([^"]+)";challenge="([^"]+)"$/.exec(header)
  assert.ok(match?.[1] !== undefined && match[2] !== undefined, header)
  return { path: match[1], challenge: match[2] }
}

export { navigation }
