/**
 * What can go wrong for the developer or operator. Closed: a code is never reused or changed in meaning.
 * What a client of the gateway sees is another list, in `reasons.ts`.
 */
export const errorCodes = {
  POSTERN_CONFIG_INVALID: 'The configuration has faults; each is listed with its path.',
  POSTERN_CONFIG_UNREADABLE: 'The configuration file cannot be read.',
  POSTERN_KEYS_UNUSABLE: 'The key folder holds no usable key, or one that is refused.',
  POSTERN_REVOCATIONS_INVALID: 'The revocations file has faults; each is listed.',
  POSTERN_REVOCATIONS_LOCKED: 'Another process is at work on the revocations file.',
  POSTERN_REDIS_CLIENT_MISSING: 'facts.redis is set and its client library is not installed.',
  POSTERN_OTLP_LIBRARY_MISSING: 'tracing.endpoint is set and the libraries of OpenTelemetry are not installed.',
  POSTERN_COOKIE_NAME_TAKEN: 'Another instance in this Fastify app has a cookie of the same name.',
  POSTERN_PREFIX_TAKEN: 'Another instance in this Fastify app has its endpoints at the same prefix.',
  POSTERN_REGISTERED_TWICE: 'One instance was registered more than once, or in two apps.',
  POSTERN_REGISTERED_BELOW: 'The plugin was registered in a scope with a prefix.',
  POSTERN_NOT_REGISTERED: 'A guard ran before the plugin was registered in this Fastify app.',
  POSTERN_ROUTE_NOT_GUARDED: 'auth(request) was called on a route that has no guard of this instance.',
  POSTERN_REGISTERED_LATE: 'requireGuard is set, and routes were declared before the plugin was registered.',
  POSTERN_ROUTES_OPEN: 'requireGuard is set, and a route has neither a guard nor noAuth(); each is listed.',
  POSTERN_FETCH_FOREIGN_ORIGIN: 'auth.fetch() was asked for an address outside the origin of the upstream.',
  POSTERN_FETCH_NO_TOKEN: 'The upstream token of this session cannot be opened.',
  POSTERN_TESTING_MISUSED: 'postern/testing was used in production, or asked for what could never be.',
} as const

export type ErrorCode = keyof typeof errorCodes

/** Every error that Postern throws at its own callers. Tell them apart by `code`, never by `message`. */
export class PosternError extends Error {
  override readonly name = 'PosternError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
