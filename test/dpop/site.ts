import type { TestContext } from 'node:test'
import type { Options } from '../../src/config/options.ts'
import { startBackend, type Backend } from '../support/backend.ts'
import { send, type Answer } from '../support/browser-client.ts'
import { fakeClock } from '../support/clock.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { proofKey, proofOf, type ProofKey, type ProofOf } from '../support/proofs.ts'

export interface DpopSite {
  readonly gateway: Gateway
  readonly backend: Backend
  /** Key of a client. */
  readonly key: ProofKey
  /** A nonce as the gateway hands it out now. */
  nonce(): Promise<string>
  /** A proof of the client for an address of the gateway, made now. */
  prove(path: string, more?: Partial<ProofOf>, by?: ProofKey): Promise<string>
  /** Signs in by JSON for a token, with what stands there as headers. */
  signIn(headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** A token that is bound to the key. */
  boundToken(): Promise<string>
  /** Uses a token with a proof of the key, as it has to be. */
  use(path: string, token: string, more?: Partial<ProofOf>): Promise<Answer>
  close(): Promise<void>
}

interface SiteSettings extends Pick<
  GatewaySettings,
  'face' | 'routes' | 'keys' | 'store' | 'service' | 'publicUrl' | 'clock'
> {
  readonly dpop?: Options['dpop']
  readonly options?: (backend: Backend) => Partial<Options>
}

/** A gateway that binds tokens, with a backend behind `/api/`. Its clock is set to the real time: real clients know no other. */
export async function startDpopSite(settings: SiteSettings = {}): Promise<DpopSite> {
  const {
    dpop = { mode: 'optional', nonces: false },
    options,
    clock = fakeClock(Math.floor(Date.now() / 1000) * 1000),
    ...rest
  } = settings
  const backend = await startBackend()
  const gateway = await startGateway({
    ...rest,
    clock,
    options: () => ({ dpop, routes: [{ path: '/api/', backend: backend.origin }], ...options?.(backend) }),
  })
  const key = await proofKey()
  const publicUrl = settings.publicUrl ?? gateway.origin
  const nonces = dpop.mode !== 'off' && dpop.nonces !== false

  const site: DpopSite = {
    gateway,
    backend,
    key,
    async nonce() {
      const asked = await site.signIn({
        dpop: await proofOf(key, { htm: 'POST', htu: `${publicUrl}/_auth/login`, at: clock() }),
      })
      return String(asked.headers['dpop-nonce'])
    },
    async prove(path, more = {}, by = key) {
      const nonce = nonces && !('nonce' in more) ? { nonce: await site.nonce() } : {}
      return proofOf(by, { htu: `${publicUrl}${path}`, at: clock(), ...nonce, ...more })
    },
    signIn: (headers = {}) =>
      send(
        `${gateway.origin}/_auth/login`,
        'POST',
        { 'content-type': 'application/json', ...headers },
        JSON.stringify({ username: 'john', password: 'password123' }),
      ),
    async boundToken() {
      const answer = await site.signIn({ dpop: await site.prove('/_auth/login', { htm: 'POST' }) })
      return String(answer.json()['access_token'])
    },
    async use(path, token, more = {}) {
      const dpop = await site.prove(path, { token, ...more })
      return send(`${gateway.origin}${path}`, more.htm ?? 'GET', { authorization: `DPoP ${token}`, dpop })
    },
    async close() {
      await gateway.close()
      await backend.close()
    },
  }
  return site
}

/** The same, for one test. */
export async function dpopSite(t: TestContext, settings: SiteSettings = {}): Promise<DpopSite> {
  const site = await startDpopSite(settings)
  t.after(() => site.close())
  return site
}
