import { createHash, timingSafeEqual } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import type { Reason } from '../base/reasons.ts'
import { Secret } from '../base/secret.ts'
import type { ClientConfig } from '../config/exchange.ts'
import { createAssertionReader } from './client-assertion.ts'
import type { Facts } from './facts.ts'
import type { LoginLimiter } from './login-limits.ts'

/** How a client says who it is, before anything of it is believed (RFC 6749 section 2.3, RFC 7523 section 2.2). */
export type Presented =
  | { readonly method: 'secret'; readonly id: string; readonly secret: Secret }
  | { readonly method: 'private_key_jwt'; readonly id: string | undefined; readonly assertion: Secret }
  | { readonly method: 'none'; readonly id: string }

export type ClientOutcome =
  | { readonly ok: true; readonly client: ClientConfig }
  | {
      readonly ok: false
      readonly reason: Extract<
        Reason,
        'unknown_client' | 'wrong_client_secret' | 'bad_client_assertion' | 'wrong_client_method' | 'rate_limited'
      >
      readonly detail: string
      /** Where there is a client of that id. */
      readonly client: string | undefined
      /** Seconds. */
      readonly retryAfter: number | undefined
    }

export interface ClientAuthenticator {
  /** Never rejects. */
  authenticate(presented: Presented, address: string | undefined): Promise<ClientOutcome>
}

interface ClientDeps {
  readonly clients: ReadonlyMap<string, ClientConfig>
  /** What an assertion may name as its audience: the issuer or the token endpoint (RFC 7523 section 3). */
  readonly audiences: readonly string[]
  /** The one of sign-in: whoever guesses there is not better off here (security.md LG-04). */
  readonly limiter: LoginLimiter
  readonly facts: Pick<Facts, 'first'>
  readonly clock: Clock
  /** Default: a timer. */
  readonly wait?: (milliseconds: number) => Promise<unknown>
}

type Refusal = Extract<ClientOutcome, { ok: false }>

/** Cannot be the key of an upstream. */
const inLimits = 'token endpoint'

export function createClientAuthenticator(deps: ClientDeps): ClientAuthenticator {
  const { clients, limiter, wait = sleep } = deps
  const assertions = createAssertionReader(deps)

  const refuse = (reason: Refusal['reason'], detail: string, client?: ClientConfig): Refusal => ({
    ok: false,
    reason,
    detail,
    client: client?.id,
    retryAfter: undefined,
  })

  async function judge(presented: Presented, client: ClientConfig | undefined): Promise<ClientOutcome> {
    if (presented.method === 'secret') {
      const { credential } = client ?? { credential: undefined }
      // Compared in any case, so that how long it takes does not tell which ids there are.
      const expected = credential?.method === 'secret' ? credential.secret : noSecret
      const equal = sameSecret(presented.secret, expected)
      if (client === undefined) return refuse('unknown_client', 'there is no such client')
      if (credential?.method !== 'secret') return refuse('wrong_client_method', 'this client has no secret', client)
      return equal ? { ok: true, client } : refuse('wrong_client_secret', 'the secret is another one', client)
    }
    if (client === undefined) return refuse('unknown_client', 'there is no such client')
    if (presented.method === 'none') {
      return client.credential.method === 'none'
        ? { ok: true, client }
        : refuse('wrong_client_method', 'this client has to authenticate', client)
    }
    if (client.credential.method !== 'private_key_jwt')
      return refuse('wrong_client_method', 'this client has no public key', client)
    const fault = await assertions.fault(presented.assertion, client.id, client.credential.keys)
    return fault === undefined ? { ok: true, client } : refuse('bad_client_assertion', fault, client)
  }

  return {
    async authenticate(presented, address) {
      const id = presented.method === 'private_key_jwt' ? assertions.subject(presented.assertion) : presented.id
      if (id === undefined) return refuse('bad_client_assertion', 'the assertion names no client')
      if (presented.id !== undefined && presented.id !== id)
        return refuse('bad_client_assertion', '`client_id` is not the client of the assertion')
      const client = clients.get(id)
      // There is nothing to guess, and whoever tries all the same must not slow down everybody who uses this client.
      if (client?.credential.method === 'none') return judge(presented, client)
      const admission = await limiter.admit({ upstream: inLimits, account: id, address, step: 'first' })
      if (!admission.ok) {
        const refusal = refuse('rate_limited', 'too many failed authentications', client)
        return { ...refusal, retryAfter: admission.retryAfter }
      }
      if (admission.delay > 0) await wait(admission.delay)
      const outcome = await judge(presented, client)
      await admission.settle(outcome.ok ? 'other' : 'counts')
      return outcome
    },
  }
}

const noSecret = new Secret('')

/** In constant time, whatever the lengths. */
function sameSecret(one: Secret, other: Secret): boolean {
  const digest = (secret: Secret) => createHash('sha256').update(secret.reveal()).digest()
  return timingSafeEqual(digest(one), digest(other))
}
