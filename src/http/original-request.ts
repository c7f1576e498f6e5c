import type { IncomingMessage } from 'node:http'
import type { FrontProxy } from '../config/config.ts'
import { isRepeated } from '../life/credentials.ts'

/** The request that a front proxy received. */
export interface OriginalRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly url: string
  /** In lower case, without the final dot of an absolute name. */
  readonly host: string
}

const methodShape = /^[A-Z][A-Z-]{0,31}$/
const hostShape = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/

/**
 * What a front proxy was asked, from the headers that this very proxy sets. Undefined where one is missing, is said
 * twice or makes no sense, and where those of another proxy stand beside them: a client may have put them there, and
 * one of the two would be a lie (security.md FA-03, FA-04). Nothing else is read: `X-Forwarded-Proto`, `-Port` and
 * `-Prefix` decide nothing here.
 *
 * @param target of the request that asks us, after the name of the proxy: envoy puts the original path there
 */
export function originalRequest(
  proxy: FrontProxy,
  request: Pick<IncomingMessage, 'method' | 'headers' | 'rawHeaders'>,
  target: string,
): OriginalRequest | undefined {
  const { headers, rawHeaders } = request
  const one = (name: string) => {
    const value = headers[name]
    return typeof value === 'string' && !isRepeated(rawHeaders, name) ? value : undefined
  }
  const said = (...names: readonly string[]) => names.some((name) => headers[name] !== undefined)
  const forwardedFamily = said('x-forwarded-method', 'x-forwarded-uri')
  const originalFamily = said('x-original-method', 'x-original-url')
  switch (proxy) {
    case 'nginx':
      return forwardedFamily ? undefined : absolute(one('x-original-method'), one('x-original-url'))
    case 'traefik':
    case 'caddy':
    case 'haproxy':
      if (originalFamily) return undefined
      return checked(one('x-forwarded-method'), one('x-forwarded-uri'), one('x-forwarded-host'))
    case 'envoy':
      return originalFamily || forwardedFamily ? undefined : checked(request.method, target, one('host'))
  }
}

const absoluteShape = /^https?:\/\/([^/?#]+)(\/[^#]*)$/i

/** Taken apart by hand: a URL parser would mend what a path policy has to refuse. */
function absolute(method: string | undefined, url: string | undefined): OriginalRequest | undefined {
  const match = absoluteShape.exec(url ?? '')
  return match === null ? undefined : checked(method, match[2], match[1])
}

function checked(
  method: string | undefined,
  url: string | undefined,
  host: string | undefined,
): OriginalRequest | undefined {
  if (method === undefined || !methodShape.test(method)) return undefined
  if (url === undefined || !url.startsWith('/') || url.includes('#')) return undefined
  const lower = host?.toLowerCase()
  if (lower === undefined || !hostShape.test(lower)) return undefined
  return { method, url, host: lower.replace(/\.(?=:|$)/, '') }
}
