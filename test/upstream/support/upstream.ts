import assert from 'node:assert/strict'
import { systemClock, type Clock } from '../../../src/base/clock.ts'
import { Secret } from '../../../src/base/secret.ts'
import { parse } from '../../../src/config/parse.ts'
import type { LoginUpstreamConfig } from '../../../src/config/upstream.ts'
import type { LoginUpstreamOptions } from '../../../src/config/upstream-options.ts'
import type { UpstreamGrant } from '../../../src/token/seal.ts'
import { createLoginUpstream } from '../../../src/upstream/login-upstream.ts'
import type { TraceEvent } from '../../../src/upstream/trace.ts'
import type { FieldValues, LoginUpstream, SignInOutcome } from '../../../src/upstream/upstream.ts'

/** What stands under one key of `upstreams`. */
export type UpstreamOptions = LoginUpstreamOptions

/** An upstream as the configuration file describes it: through `parse`, and through nothing else. */
export function parsedUpstream(upstream: unknown, key = 'accounts'): LoginUpstreamConfig {
  const options = { publicUrl: 'http://localhost:8080', upstreams: { [key]: upstream } }
  const result = parse(options, { readFile: (path) => `content of ${path}`, env: (name) => `secret of ${name}` })
  assert.ok(result.ok, JSON.stringify(result))
  const config = result.config.upstreams.get(key)
  assert.ok(config?.kind === 'login')
  return config
}

export interface Traced {
  readonly upstream: LoginUpstream
  readonly trace: readonly TraceEvent[]
}

export function traced(upstream: unknown, clock: Clock = systemClock, key?: string): Traced {
  const trace: TraceEvent[] = []
  return {
    upstream: createLoginUpstream(parsedUpstream(upstream, key), { clock, trace: (event) => trace.push(event) }),
    trace,
  }
}

export const loginUpstream = (upstream: UpstreamOptions, clock: Clock = systemClock): LoginUpstream =>
  createLoginUpstream(parsedUpstream(upstream), { clock })

export const typed = (values: Readonly<Record<string, string>>): FieldValues =>
  new Map(Object.entries(values).map(([name, value]) => [name, new Secret(value)]))

/** The outcome, which has to be of this kind. */
export function only<K extends string, O extends { readonly kind: string }>(
  outcome: O,
  kind: K,
): Extract<O, { readonly kind: K }> {
  assert.equal(outcome.kind, kind, JSON.stringify(outcome))
  return outcome as Extract<O, { readonly kind: K }>
}

export const signedIn = async (outcome: Promise<SignInOutcome>) => only(await outcome, 'signed_in')

type LoginOptions = UpstreamOptions['login']

/** A plain one: JSON both ways, `/login`, `/me`, `/refresh` and `/logout`. What a test is about, it says itself. */
export function plainOptions(
  origin: string,
  { login, ...more }: Partial<Omit<UpstreamOptions, 'login'>> & { readonly login?: Partial<LoginOptions> } = {},
): UpstreamOptions {
  return {
    kind: 'login',
    origin,
    login: {
      request: { path: '/login', json: { username: '{username}', password: '{password}' } },
      token: { json: '/token' },
      refreshToken: { json: '/refresh' },
      subject: { json: '/id' },
      ...login,
    },
    check: { request: { method: 'GET', path: '/me' } },
    refresh: { request: { path: '/refresh', json: { refresh: '{refreshToken}' } } },
    logout: { request: { path: '/logout' } },
    ...more,
  }
}

export const ada = { username: 'ada', password: 'canary-password' } as const

export const someGrant = (more: Partial<UpstreamGrant> = {}): UpstreamGrant => ({
  token: new Secret('canary-token'),
  refreshToken: new Secret('canary-refresh-token'),
  expiresAt: undefined,
  values: {},
  ...more,
})
