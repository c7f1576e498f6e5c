import { failed } from './failed.ts'
import { CallFailed } from './provider-fetch.ts'
import { readRetryAfter } from './retry-after.ts'
import type { Failed } from './upstream.ts'

/*
 * What the client library throws, as outcomes. It is told apart by codes, never by text; and of what a provider sends
 * only error codes that a specification names are ever repeated, because the rest is its own to choose.
 */

/** RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1, OpenID Connect Core 1.0 section 3.1.2.6. */
const oauthErrors: ReadonlySet<string> = new Set([
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  'invalid_client',
  'invalid_grant',
  'unsupported_grant_type',
  'invalid_token',
  'insufficient_scope',
  'unsupported_token_type',
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
  'invalid_request_uri',
  'invalid_request_object',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
])

interface Thrown {
  readonly code: string
  /** Of the provider's answer. */
  readonly status: number | undefined
  /** The OAuth error code, where it is one that a specification names. */
  readonly error: string | undefined
  /** The claim or attribute that is not what it must be. */
  readonly claim: string | undefined
  readonly retryAfter: string | undefined
}

/** What can be told of anything that the client library throws. */
export function readThrown(thrown: unknown): Thrown {
  const chain = [...causes(thrown)]
  const first = <T>(read: (link: Readonly<Record<string, unknown>>) => T | undefined): T | undefined =>
    chain.map(read).find((value) => value !== undefined)
  const response = first(({ response }) => (response instanceof Response ? response : undefined))
  const answer = response ?? chain.find((link) => link instanceof Response)
  const error = first(({ error: name }) => (typeof name === 'string' ? name : undefined))
  const claim = first(({ claim, attribute }) => claim ?? attribute)
  return {
    code:
      first(({ code }) => (typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined)) ?? 'no code',
    status: answer instanceof Response ? answer.status : undefined,
    error: error !== undefined && oauthErrors.has(error) ? error : undefined,
    claim: typeof claim === 'string' && /^[a-z_]{1,32}$/.test(claim) ? claim : undefined,
    retryAfter: (answer instanceof Response ? answer.headers.get('retry-after') : null) ?? undefined,
  }
}

/** @param what was asked for, such as "the token request" */
export function providerFault(thrown: unknown, what: string, now: number): Failed {
  for (const link of causes(thrown)) {
    if (link instanceof CallFailed) return { ...link.failed, detail: `${what} failed. ${link.failed.detail}` }
  }
  const { code, status, error, retryAfter } = readThrown(thrown)
  const busy = status !== undefined && (status >= 500 || status === 429)
  const fault = failed(
    busy ? 'upstream_unavailable' : 'upstream_bad',
    error !== undefined
      ? `${what} was refused by the provider (${error}).`
      : status !== undefined && status !== 200
        ? `${what} was answered with status ${status} (${code}).`
        : `${what} was answered with something that cannot be used (${code}).`,
  )
  return {
    ...fault,
    status,
    retryAfter: retryAfter === undefined ? undefined : readRetryAfter([retryAfter], now),
  }
}

/** An error and what caused it, from the outside in. */
function* causes(thrown: unknown): Generator<Readonly<Record<string, unknown>>> {
  let link = thrown
  for (let depth = 0; depth < 6 && typeof link === 'object' && link !== null; depth += 1) {
    yield link as Readonly<Record<string, unknown>>
    link = 'cause' in link ? link.cause : undefined
  }
}
