import { clientCodes, type ClientCode } from '../base/reasons.ts'
import type { DpopMode } from '../config/config.ts'
import { proofAlgorithms } from '../token/dpop-proof.ts'

/** What OAuth calls it (RFC 6750 section 3.1, RFC 9449 section 7.1). */
const errors: Partial<Readonly<Record<ClientCode, string>>> = {
  invalid_credential: 'invalid_token',
  expired: 'invalid_token',
  forbidden: 'insufficient_scope',
  invalid_dpop_proof: 'invalid_dpop_proof',
  use_dpop_nonce: 'use_dpop_nonce',
}

const algs = `algs="${proofAlgorithms.join(' ')}"`

/** Whether a request brings its token as bound to a key. @param authorization as it came */
export function bringsBound(authorization: string | undefined): boolean {
  return authorization !== undefined && /^dpop /i.test(authorization)
}

/**
 * WWW-Authenticate (RFC 6750 section 3, RFC 9449 section 7.1): the schemes that are taken. Without a credential there is
 * no error to name (security.md TV-18).
 *
 * @param more further parameters, each with its comma
 */
export function authenticateChallenge(
  code: ClientCode,
  mode: DpopMode = 'off',
  authorization?: string,
  more = '',
): string | undefined {
  const error = errors[code]
  if (error === undefined && clientCodes[code].status !== 401) return undefined
  const challenge = (scheme: string) =>
    `${scheme} realm="postern"${error === undefined ? '' : `, error="${error}"`}${scheme === 'DPoP' ? `, ${algs}` : ''}${more}`
  // One challenge to whoever came with a proof: some clients understand no second one beside it.
  if (mode === 'required' || (mode === 'optional' && bringsBound(authorization))) return challenge('DPoP')
  if (mode === 'off' || code === 'forbidden') return challenge('Bearer')
  return `${challenge('Bearer')}, DPoP realm="postern", ${algs}${more}`
}
