import { isIP } from 'node:net'
import type { Config } from './config.ts'
import type { Spot } from './faults.ts'
import { checkDistinct } from './headers.ts'
import { checkClaimName } from './parse-place.ts'

/** Addresses and CIDRs (RFC 4632 section 3.1, RFC 4291 section 2.3). Never a number of hops (security.md CF-06). */
export function parseProxies(spot: Spot, proxies: readonly string[]): readonly string[] {
  proxies.forEach((proxy, index) => {
    if (/^[0-9]+$/.test(proxy))
      spot
        .at(index)
        .fault('hop counts are not supported, for anyone can add a hop; list the addresses or CIDRs of your proxies')
    else if (!isNetwork(proxy))
      spot.at(index).fault('must be an address or a CIDR, such as 10.0.0.0/8 or fd00::/8; names are not looked up')
  })
  return proxies
}

function isNetwork(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0) return false
  return length === undefined || (/^[0-9]{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128))
}

/** Made or removed by the proxy itself on every request. */
const ownHeaders =
  /^(connection|content-.*|cookie|set-cookie|host|expect|keep-alive|te|trailer|transfer-encoding|upgrade|authorization|forwarded|x-forwarded-(for|proto|host|port|uri|method)|x-real-ip|proxy-.*)$/

/** Headers for backends, each with the claim that fills it. */
export function parseIdentityHeaders(spot: Spot, headers: Readonly<Record<string, string>>): Config['identityHeaders'] {
  // Some servers hand `Remote-User` and `remote_user` to the application as one (CGI does, RFC 3875 section 4.1.18).
  checkDistinct(spot, Object.keys(headers), (name) => name.toLowerCase().replaceAll(/[._]/g, '-'))
  for (const [name, claim] of Object.entries(headers)) {
    if (ownHeaders.test(name.toLowerCase()))
      spot.at(name).fault('this header has a meaning of its own on the way to a backend; choose another one')
    if (claim !== 'sub') checkClaimName(spot.at(name), claim)
  }
  return new Map(Object.entries(headers))
}
