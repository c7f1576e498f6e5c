/*
 * Which headers of a request are not the client's to send. Names are compared folded, because a backend behind CGI, WSGI
 * or PHP sees `X-User`, `X_User` and `X.User` as one variable, and behind some FastCGI servers `X!User` too (security.md
 * PX-01).
 */

/** Meant for one connection, never for the next one (RFC 9110 section 7.6.1), or answered here. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-authenticate',
  'proxy-authorization',
  'expect',
])

/** Names that say where a request came from, whom it is for or what it is part of, beside the ones that configuration adds. */
const oursExactly: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded',
  'x-real-ip',
  'x-client-ip',
  'client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  // CGI makes of it the variable by which many clients find their proxy (CVE-2016-5385).
  'proxy',
  // By which some backends take another path than the one that was decided on: of WSGI and CGI the variables too.
  'x-rewrite-url',
  'script-name',
  'x-script-name',
  'path-info',
  'x-envoy-original-path',
  'host',
  'traceparent',
  'tracestate',
])
const oursByPrefix = ['x-forwarded-', 'x-original-', 'x-auth-request-', 'remote-', 'x-postern-'] as const

/** Taken in their one spelling only: another could mean something else behind the backend than in front of it. */
const onlyAsTheyAre: ReadonlySet<string> = new Set(['cookie', 'authorization', 'content-length', 'content-type'])

/** What becomes of a request header on its way to a backend. */
export type HeaderFate = 'keep' | 'drop' | 'cookie' | 'authorization' | 'connection'

/** A header name as it was sent, judged. */
export interface JudgedName {
  readonly fate: HeaderFate
  /** What other spellings of it are compared with. */
  readonly folded: string
}

export interface HeaderSieve {
  /** @param name as it was sent */
  judge(name: string): JudgedName
  fateOf(name: string): HeaderFate
}

/** Raw spellings remembered at most. Clients send a few dozen; what an attacker invents is judged anew each time. */
const mostRemembered = 1_000

/** Characters of one that is remembered. */
const longestRemembered = 64

/** What a name says, worked out once for each spelling. */
export function rememberNames<T>(judge: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    const remembered = known.get(name)
    if (remembered !== undefined) return remembered
    const judged = judge(name)
    if (known.size < mostRemembered && name.length <= longestRemembered) known.set(name, judged)
    return judged
  }
}

/** @param configured names of identity headers, in any spelling */
export function createHeaderSieve(configured: readonly string[]): HeaderSieve {
  const ours = new Set([...oursExactly, ...configured.map(fold)])

  function fateOf(name: string, folded: string): HeaderFate {
    if (hopByHop.has(folded)) return folded === 'connection' ? 'connection' : 'drop'
    if (onlyAsTheyAre.has(folded) && name.toLowerCase() !== folded) return 'drop'
    if (folded === 'cookie' || folded === 'authorization') return folded
    // A proof goes where its token goes (RFC 9449 section 7.1).
    if (folded === 'dpop') return 'authorization'
    return ours.has(folded) || oursByPrefix.some((prefix) => folded.startsWith(prefix)) ? 'drop' : 'keep'
  }

  const judge = rememberNames((name): JudgedName => {
    const folded = fold(name)
    return { fate: fateOf(name, folded), folded }
  })
  return { judge, fateOf: (name) => judge(name).fate }
}

export function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}
