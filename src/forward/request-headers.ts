import { showCookies, type OwnCookies } from './cookies.ts'
import type { HeaderSieve } from './header-names.ts'

export interface ForwardedRequest {
  readonly rawHeaders: readonly string[]
  /** Address of the client, as far as it is known. */
  readonly address: string | undefined
}

export interface HeaderRules {
  readonly sieve: HeaderSieve
  readonly cookies: OwnCookies
  /** `X-Forwarded-Proto` and `-Host`: from the public URL, never from the request. */
  readonly proto: string
  readonly host: string
}

/**
 * The headers that a backend gets, as a flat list: what the client sent and may send, then what we say. Ours come last
 * and are added whatever `Connection` names (security.md PX-02); each stands once, and of two the later one counts.
 *
 * @param passAuthorization whether the client's Authorization goes through; ours never does otherwise
 * @param added names in lower case
 * @param credential the same; its cookies stand beside the others, and everything else in place of what was added
 */
export function requestHeaders(
  request: ForwardedRequest,
  rules: HeaderRules,
  passAuthorization: boolean,
  added: readonly (readonly [string, string])[],
  credential: readonly (readonly [string, string])[] = [],
): string[] {
  const { rawHeaders, address } = request
  const named = connectionNames(rawHeaders)
  const { sieve, cookies } = rules
  const ours = new Map<string, readonly [string, string]>()
  if (address !== undefined) ours.set('x-forwarded-for', ['x-forwarded-for', address])
  ours.set('x-forwarded-proto', ['x-forwarded-proto', rules.proto])
  ours.set('x-forwarded-host', ['x-forwarded-host', rules.host])
  for (const header of added) ours.set(sieve.judge(header[0]).folded, header)
  let shown: string | undefined
  for (const header of credential) {
    if (header[0] === 'cookie') shown = header[1]
    else ours.set(sieve.judge(header[0]).folded, header)
  }
  const others: string[] = []
  const headers: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    const { fate, folded } = sieve.judge(name)
    if (fate === 'drop' || fate === 'connection' || ours.has(folded)) continue
    if (named.size > 0 && named.has(name.toLowerCase())) continue
    if (fate === 'keep' || (fate === 'authorization' && passAuthorization)) headers.push(name, value)
    else if (fate === 'cookie') {
      const kept = cookies.strip(value)
      if (kept === undefined) continue
      if (shown === undefined) headers.push(name, kept)
      else others.push(kept)
    }
  }
  if (shown !== undefined)
    ours.set('cookie', ['cookie', showCookies(shown, ours.get('cookie')?.[1] ?? others.join('; '))])
  for (const [name, value] of ours.values()) headers.push(name, value)
  return headers
}

const nothing: ReadonlySet<string> = new Set()

/** What the client declares to be for this connection only. */
function connectionNames(rawHeaders: readonly string[]): ReadonlySet<string> {
  let names: Set<string> | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length !== 10 || rawHeaders[index]?.toLowerCase() !== 'connection') continue
    const value = rawHeaders[index + 1] ?? ''
    if (value === 'keep-alive' || value === 'close') continue
    names ??= new Set()
    for (const name of value.split(',')) names.add(name.trim().toLowerCase())
  }
  return names ?? nothing
}
