import type { Dispatcher } from 'undici'
import type { Clock } from '../base/clock.ts'
import type { OidcUpstreamConfig } from '../config/oidc.ts'
import { isLoopback } from '../config/origin.ts'
import type { Answer } from './answer.ts'
import { call } from './call.ts'
import { createDispatcher } from './dispatcher.ts'
import { failed } from './failed.ts'
import type { Failed } from './upstream.ts'

/** Why a call was not answered, for whoever finds it at the bottom of a library's error. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
  readonly failed: Failed

  constructor(fault: Failed) {
    super(fault.detail)
    this.failed = fault
  }
}

interface FetchOptions {
  readonly method?: string
  readonly headers?: Headers | Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface ProviderFetch {
  /** Shaped like `fetch`, as far as the libraries on top of it go. @throws CallFailed */
  fetch(address: string, options?: FetchOptions): Promise<Response>
  close(): Promise<void>
}

/** Origins that one provider's endpoints may be spread over; the metadata names them. */
const mostOrigins = 8

/** What the libraries read of an answer. */
const readHeaders = ['content-type', 'www-authenticate', 'retry-after']

/**
 * Calls to a provider, with the rules of every call to an upstream: certificates verified, no redirect followed, time and
 * size bounded. Its endpoints may lie at other origins than its issuer, so there is a pool for each.
 */
export function createProviderFetch(
  { http, timeout, maxResponse }: Pick<OidcUpstreamConfig, 'http' | 'timeout' | 'maxResponse'>,
  clock: Clock,
): ProviderFetch {
  const pools = new Map<string, Dispatcher>()

  function poolFor(origin: string): Dispatcher {
    const known = pools.get(origin)
    if (known !== undefined) return known
    if (pools.size >= mostOrigins) throw new CallFailed(failed('upstream_bad', 'The provider names too many origins.'))
    const pool = createDispatcher({ origin, timeout })
    pools.set(origin, pool)
    return pool
  }

  return {
    async fetch(address, options = {}) {
      const url = new URL(address)
      if (!mayBeAsked(url, http)) {
        throw new CallFailed(failed('upstream_bad', 'The provider names an endpoint that is not https.'))
      }
      const { method = 'GET', body } = options
      const result = await call(
        poolFor(url.origin),
        {
          method,
          path: `${url.pathname}${url.search}`,
          // Compression is not asked for: a bound on bytes received would be no bound on bytes read.
          headers: { ...Object.fromEntries(new Headers(options.headers)), 'accept-encoding': 'identity' },
          body: body instanceof URLSearchParams || typeof body === 'string' ? String(body) : undefined,
        },
        { timeout, maxResponse },
        clock,
      )
      if (!result.ok) throw new CallFailed(result.failed)
      return responseOf(result.answer)
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.close()))
    },
  }
}

/** Metadata may name any endpoint; it may not talk us into speaking plain http where the issuer does not. */
export function mayBeAsked(url: URL, http: OidcUpstreamConfig['http']): boolean {
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' && (http === 'anywhere' || (http === 'loopback' && isLoopback(url.hostname)))
}

function responseOf({ status, headers, text }: Answer): Response {
  const kept = readHeaders.flatMap((name) =>
    (headers.get(name) ?? []).map((value) => [name, value] as [string, string]),
  )
  const bodiless = status === 204 || status === 205 || status === 304
  if (status < 200 || status > 599) {
    throw new CallFailed(failed('upstream_bad', `The provider answered with the status ${status}.`))
  }
  // Of a body that is not UTF-8 nothing is taken: two people whose ids differ in such bytes would be one.
  return new Response(bodiless ? null : (text ?? ''), {
    status,
    headers: kept.filter(([, value]) => isHeaderValue(value)),
  })
}

function isHeaderValue(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value)
}
