/** Claims that Postern itself sets (RFC 7519 section 4.1, RFC 9068 section 2.2, and its own). No configured claim may take such a name. */
export const registeredNames: ReadonlySet<string> = new Set([
  'v',
  'iss',
  'sub',
  'aud',
  'client_id',
  'iat',
  'nbf',
  'exp',
  'jti',
  'sid',
  'auth_time',
  'idle_at',
  'upn',
  'upt',
  'ups',
  'cnf',
])
