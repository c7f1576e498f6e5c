import type { ClientConfig } from '../config/exchange.ts'

/* What is asked for is never more than what may be had. Undefined: it would be. */

/**
 * The one audience of the token (RFC 8693 section 2.1, RFC 8707 section 2). A token for several could be used by each of
 * them at the others (RFC 9700 section 2.3).
 *
 * @param targets values of `audience` and `resource` together
 */
export function narrowTarget(
  targets: readonly string[],
  { audiences, defaultAudience }: Pick<ClientConfig, 'audiences' | 'defaultAudience'>,
): string | undefined {
  const [target, ...others] = new Set(targets)
  if (target === undefined) return defaultAudience
  return others.length === 0 && audiences.includes(target) ? target : undefined
}

/**
 * Scopes in the order of the configuration (RFC 6749 section 3.3). Nothing asked for is all that may be had.
 *
 * @param ofToken scopes of the subject token that bound the grant; undefined = none does
 */
export function narrowScope(
  asked: string | undefined,
  { scopes }: Pick<ClientConfig, 'scopes'>,
  ofToken: readonly string[] | undefined,
): readonly string[] | undefined {
  const may = ofToken === undefined ? scopes : scopes.filter((scope) => ofToken.includes(scope))
  if (asked === undefined) return may
  const wanted = new Set(asked.split(' '))
  return [...wanted].every((scope) => may.includes(scope)) ? may.filter((scope) => wanted.has(scope)) : undefined
}
