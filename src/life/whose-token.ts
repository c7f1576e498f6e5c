import type { Secret } from '../base/secret.ts'

/** What a choice is made by: the issuer that each upstream's tokens name, where they do. */
type Validators = ReadonlyMap<string, { readonly issuer: string | undefined }>

/**
 * Whose token it is. Said by the request, or plain because there is one choice only, or by the issuer that the token
 * names. It is never found out by asking one upstream after the other: each would be shown tokens of the others.
 *
 * @param choices keys of the upstreams whose tokens the client may bring
 */
export function upstreamOf(
  named: string | undefined,
  token: Secret,
  choices: readonly string[],
  validators: Validators,
): string | undefined {
  if (named !== undefined) return choices.includes(named) ? named : undefined
  if (choices.length === 1) return choices[0]
  const issuer = claimedIssuer(token)
  const fitting = issuer === undefined ? [] : choices.filter((key) => validators.get(key)?.issuer === issuer)
  return fitting.length === 1 ? fitting[0] : undefined
}

/** `iss` of a JWT, unverified: for choosing who verifies it, and for knowing our own. */
export function claimedIssuer(token: Secret): string | undefined {
  const [, payload, signature] = token.reveal().split('.')
  if (payload === undefined || signature === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const iss = typeof claims === 'object' && claims !== null && 'iss' in claims ? claims.iss : undefined
    return typeof iss === 'string' ? iss : undefined
  } catch {
    return undefined
  }
}
