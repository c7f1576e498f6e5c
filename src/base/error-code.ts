/**
 * The code of anything that was thrown. Codes are made by Node, TLS and undici, never by whoever is on the other side, so
 * they may stand in a log. Undefined where there is none.
 */
export function errorCode(error: unknown): string | undefined {
  // Several addresses of one host fail as one error with many inside.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const code = typeof first === 'object' && first !== null && 'code' in first ? first.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined
}
