/*
 * Keys that people bring along from other gateways, or put in the next best place. What is close to a known key is told
 * by `nearest`; these are far from what was meant.
 */

interface Misplaced {
  readonly keys: readonly string[]
  /** A key by which the place is known. */
  readonly beside: string
  readonly mend: string
}

const table: readonly Misplaced[] = [
  {
    keys: ['role', 'roles', 'group', 'groups', 'scope', 'scopes', 'claims', 'allow', 'users'],
    beside: 'stripPrefix',
    mend: 'what a person needs stands in `require`: { roles: [admin] }',
  },
  {
    keys: ['url', 'target', 'upstream', 'proxy_pass', 'service', 'to'],
    beside: 'stripPrefix',
    mend: 'where it goes is `backend`',
  },
  { keys: ['prefix', 'location', 'pattern', 'match'], beside: 'stripPrefix', mend: 'what it is for is `path`' },
  {
    keys: ['auth', 'public', 'protected', 'anonymous'],
    beside: 'stripPrefix',
    mend: 'what is open to everybody says `access: public`; everything else is protected',
  },
  {
    keys: ['secret', 'clientSecret', 'password'],
    beside: 'secretFile',
    mend: 'a secret stands alone in a file, which `secretFile` names',
  },
  {
    keys: ['secret', 'cookieSecret', 'jwtSecret', 'sessionSecret', 'encryptionKey'],
    beside: 'publicUrl',
    mend: 'keys are files: make them with postern keys generate',
  },
  { keys: ['port', 'host', 'address', 'bind'], beside: 'publicUrl', mend: 'it belongs into `listen`: { port: 8080 }' },
  {
    keys: ['trustProxy', 'trust_proxy', 'proxies'],
    beside: 'publicUrl',
    mend: 'say `trustedProxies`, a list of addresses',
  },
  {
    keys: ['cookie', 'tokenTtl', 'idleTimeout', 'absoluteTimeout'],
    beside: 'publicUrl',
    mend: 'it belongs into `session`',
  },
  { keys: ['redis'], beside: 'publicUrl', mend: 'it belongs into `facts`' },
  { keys: ['issuer'], beside: 'publicUrl', mend: 'ours is `publicUrl`; that of a provider belongs to its upstream' },
  {
    keys: ['domain', 'path'],
    beside: 'sameSite',
    mend: 'take it out: the cookie belongs to the host of `publicUrl` alone, and to all of it',
  },
  {
    keys: ['secure', 'httpOnly'],
    beside: 'sameSite',
    mend: 'take it out: it is always httpOnly, and secure wherever `publicUrl` is https',
  },
  {
    keys: ['maxAge', 'expires', 'ttl'],
    beside: 'sameSite',
    mend: 'take it out: the cookie lives as long as the session, see `session.idleTimeout`',
  },
  {
    keys: ['redirectUri', 'redirectUrl', 'redirectUris', 'callbackUrl'],
    beside: 'clientId',
    mend: 'take it out: it follows from `publicUrl`, and postern check prints what to register',
  },
  {
    keys: ['username', 'password', 'tokenPath', 'url', 'path', 'method', 'json', 'body'],
    beside: 'refusals',
    mend: 'how the call is made stands in its `request`',
  },
  { keys: ['body'], beside: 'contentType', mend: 'a body is `json` or `form`' },
]

/** What to do about a key that is not known among those; undefined: nothing is known of it either. */
export function mendFor(key: string, known: readonly string[]): string | undefined {
  return table.find(({ keys, beside }) => keys.includes(key) && known.includes(beside))?.mend
}
