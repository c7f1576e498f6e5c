import type { Reason } from '../base/reasons.ts'

/** Why a request or a token is refused, in the words of docs/errors.md. */
const words: Partial<Readonly<Record<Reason, string>>> = {
  missing: 'nothing was sent',
  tombstoned: 'signed out in this browser: the session counts as absent',
  malformed: 'not three base64url segments, or no JSON object inside',
  bad_signature: 'the signature does not fit the key that the token names',
  unknown_kid: 'no key of this id; no other key is tried',
  bad_header: "another algorithm than the key's, or a header member that our tokens do not have",
  wrong_kind:
    'a session token as Bearer, an access token in the cookie, or any token with the scheme DPoP while `dpop.mode` is off',
  wrong_audience: '`aud` is not the one of this kind',
  wrong_issuer: '`iss` is not `publicUrl`',
  bound_token: 'bound to a key (`cnf`), and brought without a proof of it',
  unbound_token: 'bound to no key, and brought with the scheme DPoP, or where only bound ones are taken',
  proof_missing: 'a bound token, or a wish for one where that is required, without a proof of the key',
  proof_repeated: 'more than one proof',
  proof_malformed: 'no JWT of the type `dpop+jwt`, over 8,192 characters, or a claim is missing or of the wrong type',
  proof_bad_algorithm: 'signed with an algorithm that is not taken',
  proof_bad_key: 'no public key for its algorithm, too short, or a private one',
  proof_bad_signature: 'the signature does not fit the key in the proof',
  proof_wrong_method: '`htm` is another method than that of the request',
  proof_wrong_uri: '`htu` is not `publicUrl` with the path of the request; of a route with `host`, that host',
  proof_wrong_token: '`ath` is not the hash of the token beside it',
  proof_wrong_key: 'made by another key than the one that the token is bound to',
  proof_stale: '`iat` is too far off: over 60 s ago or 5 s ahead, with nonces over 5 minutes',
  proof_nonce_due: 'without a nonce that is good now; the answer brings one',
  proof_replayed: 'the same proof once more',
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
  ambiguous_path: 'an address or a method that two servers could read in two ways',
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
