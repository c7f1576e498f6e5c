import type { Reason } from '../base/reasons.ts'

/** Why a request or a token is refused, in the words of docs/errors.md. */
const words: Partial<Readonly<Record<Reason, string>>> = {
  missing: 'nothing was sent',
  tombstoned: 'signed out in this browser: the session counts as absent',
  malformed: 'not three base64url segments, or no JSON object inside',
  bad_signature: 'the signature does not fit the key that the token names',
  unknown_kid: 'no key of this id; no other key is tried',
  bad_header: "another algorithm than the key's, or a header member that our tokens do not have",
  wrong_kind: 'a session token as Bearer, an access token in the cookie, or any token with the scheme DPoP',
  wrong_audience: '`aud` is not the one of this kind',
  wrong_issuer: '`iss` is not `publicUrl`',
  bound_token: 'bound to a key (`cnf`), and brought without a proof of it',
  bad_claims: 'a claim is missing, or of the wrong type, or the token claims to live over a day',
  not_yet_valid: '`iat` or `nbf` lies over 60 s ahead',
  unknown_version: 'a format of claims that this release does not read',
  undecryptable: 'the sealed upstream token cannot be opened',
  expired: 'past `exp`, and this kind of client or token earns no renewal',
  not_bound: 'past `exp`, and never bound to a device, where only what is bound is renewed',
  idle: 'past the idle limit',
  absolute: 'past the absolute limit',
  revoked: 'signed out in this process, or at the provider and this process was told, or in the revocations file',
  credential_too_large: 'a token over 8,192 characters',
  duplicate_credentials: 'two credentials of ours on one request',
  ambiguous_path: 'an address that two servers could read in two ways',
  bad_request: 'anything else that cannot be understood',
  csrf: 'an unsafe method or a WebSocket with our cookie, or a sign-in, from another site',
  forbidden: 'signed in, and a required claim is not there',
}

/** Undefined for one that needs more than a request and a key to come about. */
export function reasonWords(reason: Reason): string | undefined {
  return words[reason]
}

/** The reasons that have words here. */
export const explainedReasons: readonly Reason[] = Object.keys(words) as Reason[]
