import type { IncomingMessage } from 'node:http'

/** The front proxies that ask, each with its own way to say what it was asked. */
export type FrontProxy = 'nginx' | 'traefik' | 'caddy' | 'haproxy' | 'envoy'

/** The request that a front proxy received. */
export interface OriginalRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly url: string
  /** In lower case; undefined where it was not said. */
  readonly host: string | undefined
}

const methodShape = /^[A-Z][A-Z-]{0,31}$/
const hostShape = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/

/**
 * What a front proxy was asked, from the headers that this very proxy sets. Undefined where one is missing, is said
 * twice or makes no sense, and where those of another proxy stand beside them: a client may have put them there, and
 * one of the two would be a lie (security.md FA-03, FA-04).
 *
 * @param target of the request that asks us, after the name of the proxy: envoy puts the original path there
 */
export function originalRequest(proxy: FrontProxy, request: IncomingMessage, target: string): OriginalRequest | undefined {
  const { headers } = request
  const one = (name: string) => {
    const value = headers[name]
    return typeof value === 'string' && !value.includes(',') ? value : undefined
  }
  const forwardedFamily = headers['x-forwarded-method'] !== undefined || headers['x-forwarded-uri'] !== undefined
  const originalFamily = headers['x-original-url'] !== undefined || headers['x-original-method'] !== undefined
  switch (proxy) {
    case 'nginx': {
      if (forwardedFamily) return undefined
      const url = single(headers['x-original-url'])
      return url === undefined ? undefined : absolute(one('x-original-method'), url)
    }
    case 'traefik':
    case 'caddy':
    case 'haproxy': {
      if (originalFamily) return undefined
      return checked(one('x-forwarded-method'), single(headers['x-forwarded-uri']), one('x-forwarded-host'))
    }
    case 'envoy': {
      if (originalFamily || forwardedFamily) return undefined
      return checked(request.method, target, headers.host)
    }
  }
}

/** A URL may hold commas, so two of them cannot be told from one here; what is no single URL fails to parse below. */
function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

const absoluteShape = /^https?:\/\/([^/?#]+)(\/[^#]*)$/i

/** Taken apart by hand: a URL parser would mend what a path policy has to refuse. */
function absolute(method: string | undefined, url: string): OriginalRequest | undefined {
  const match = absoluteShape.exec(url)
  return match === null ? undefined : checked(method, match[2], match[1])
}

function checked(method: string | undefined, url: string | undefined, host: string | undefined): OriginalRequest | undefined {
  const lower = host?.toLowerCase()
  if (method === undefined || !methodShape.test(method)) return undefined
  if (url === undefined || !url.startsWith('/') || url.includes('#')) return undefined
  if (lower !== undefined && !hostShape.test(lower)) return undefined
  return { method, url, host: lower }
}
