import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Options } from '../../src/config/options.ts'
import type { LoginUpstreamOptions } from '../../src/config/upstream-options.ts'
import { BrowserClient, type Answer } from '../support/browser-client.ts'
import { startGateway, type Gateway, type GatewaySettings } from '../support/gateway.ts'
import { serviceOptions, type Service } from '../support/service.ts'

type SessionOptions = NonNullable<Options['session']>
export type UpstreamOptions = LoginUpstreamOptions

export interface Scene extends Omit<GatewaySettings, 'options'> {
  readonly session?: SessionOptions
  /** Changes how the service is described. */
  readonly upstream?: (usual: UpstreamOptions) => UpstreamOptions
}

/** Long enough for any answer of the service: whether a request waited is then no matter of speed. */
const patient: SessionOptions = { renewWait: '30s' }

/** A gateway of one test. */
export async function open(
  t: TestContext,
  { session = {}, upstream = (usual) => usual, ...settings }: Scene = {},
): Promise<Gateway> {
  const gateway = await startGateway({
    ...settings,
    options: (_origin, service) => ({
      session: { ...patient, ...session },
      upstreams: { accounts: upstream({ ...serviceOptions(service.origin), timeout: '30s' }) },
    }),
  })
  t.after(() => gateway.close())
  return gateway
}

/** With refresh tokens; the service then gives them out where `service.refreshes` says so. */
export function refreshing({ login, ...usual }: UpstreamOptions): UpstreamOptions {
  return {
    ...usual,
    login: { ...login, refreshToken: { json: '/user/refresh_token' } },
    refresh: { request: { method: 'POST', path: '/api/refresh', json: { refresh_token: '{refreshToken}' } } },
  }
}

/** Neither check nor refresh: nobody is asked at a renewal. */
export function unchecked(described: UpstreamOptions): UpstreamOptions {
  const { check: _, ...usual } = described
  return usual
}

/** Its tokens outlive every sign-out. */
export function withoutLogout(described: UpstreamOptions): UpstreamOptions {
  const { logout: _, ...usual } = described
  return usual
}

/** Tokens that are too short for another life of ours, each with a refresh token for the next. */
export function giveRefreshTokens(service: Service, expiresIn = 300): void {
  service.refreshes = true
  service.expiresIn = expiresIn
}

export async function signedIn({ origin }: Gateway, username = 'john'): Promise<BrowserClient> {
  const client = new BrowserClient(origin)
  const answer = await client.signIn(username)
  assert.equal(answer.status, 303, answer.text)
  return client
}

/** Another tab, or another browser with a copy: the same cookies, apart from now on. */
export function copyOf(client: BrowserClient): BrowserClient {
  const copy = new BrowserClient(client.origin)
  for (const [name, value] of client.cookies) copy.cookies.set(name, value)
  return copy
}

/** Keeps the service from answering that call until `go`. */
export function hold(
  service: Service,
  call: 'login' | 'check' | 'logout' | 'refresh',
): { arrived(count?: number): Promise<void>; go(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const before = service.calls[call]
  service.hold[call] = promise
  return {
    arrived: (count = 1) => until(() => service.calls[call] >= before + count),
    go() {
      delete service.hold[call]
      resolve()
    },
  }
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate()
}

export async function subjectOf(answer: Promise<Answer> | Answer): Promise<unknown> {
  const { status, text, json } = await answer
  assert.equal(status, 200, text)
  return json()['subject']
}

export function deletions({ setCookies }: Pick<Answer, 'setCookies'>): readonly string[] {
  return setCookies.filter((text) => /;\s*max-age=0\b/i.test(text))
}
