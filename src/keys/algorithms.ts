/** What each signature algorithm asks of a key. One key has one algorithm, for good (RFC 8725 section 3.1). */
export const signatureAlgorithms = {
  ES256: { kty: 'EC', crv: 'P-256' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  ES384: { kty: 'EC', crv: 'P-384' },
  PS256: { kty: 'RSA', crv: undefined },
  RS256: { kty: 'RSA', crv: undefined },
} as const

export type SignatureAlgorithm = keyof typeof signatureAlgorithms

export const defaultAlgorithm: SignatureAlgorithm = 'ES256'

/** The only content encryption used for sealing, with `dir` key management (RFC 7518 sections 4.5 and 5.3). */
export const sealingEncryption = 'A256GCM'

/** Bits. Shorter RSA keys are refused (security.md KR-06). */
export const minimumRsaBits = 3072

export function isSignatureAlgorithm(value: unknown): value is SignatureAlgorithm {
  return typeof value === 'string' && Object.hasOwn(signatureAlgorithms, value)
}
