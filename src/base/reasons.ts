/**
 * What the client is told: coarse on purpose, so that an attacker learns nothing about which check failed. `title` is
 * the whole of what is said in words (RFC 9457 section 3.1.3).
 */
export const clientCodes = {
  unauthenticated: { status: 401, title: 'Sign in to continue.' },
  invalid_credential: { status: 401, title: 'The credential was not accepted.' },
  expired: { status: 401, title: 'The session has ended.' },
  invalid_dpop_proof: { status: 401, title: 'The proof of the key was not accepted.' },
  use_dpop_nonce: { status: 401, title: 'The proof has to hold the nonce of this answer.' },
  sign_in_failed: { status: 401, title: 'The name or the password is not right.' },
  second_factor: { status: 401, title: 'One more step is needed to sign in.' },
  invalid_client: { status: 401, title: 'The client was not accepted.' },
  invalid_subject_token: { status: 400, title: 'The subject token was not accepted.' },
  invalid_target: { status: 400, title: 'This client gets no token for that audience.' },
  invalid_scope: { status: 400, title: 'This client does not get that scope.' },
  unsupported_grant_type: { status: 400, title: 'This grant type is not served here.' },
  bad_transaction: { status: 400, title: 'The sign-in cannot be finished. Start again.' },
  forbidden: { status: 403, title: 'This account may not do that.' },
  untrusted_proxy: { status: 403, title: 'This address is for front proxies that the configuration names.' },
  csrf: { status: 403, title: 'The request came from another site.' },
  bad_request: { status: 400, title: 'The request cannot be understood.' },
  not_found: { status: 404, title: 'There is nothing here.' },
  method_not_allowed: { status: 405, title: 'This address does not answer that method.' },
  too_large: { status: 413, title: 'The request is too large.' },
  unsupported_media_type: { status: 415, title: 'This content type is not accepted here.' },
  expectation_failed: { status: 417, title: 'This expectation cannot be met.' },
  header_too_large: { status: 431, title: 'The request headers are too large.' },
  rate_limited: { status: 429, title: 'Too many attempts. Try again later.' },
  prefetch: { status: 503, title: 'Not answered ahead of time.' },
  provider_refused: { status: 403, title: 'The sign-in service did not sign you in.' },
  upstream_unavailable: { status: 503, title: 'The sign-in service does not answer. Try again shortly.' },
  upstream_bad: { status: 502, title: 'The sign-in service gave an answer that cannot be used.' },
  upstream_slow: { status: 504, title: 'The sign-in service took too long to answer.' },
  backend_bad: { status: 502, title: 'The application behind this gateway does not answer.' },
  backend_slow: { status: 504, title: 'The application behind this gateway took too long to answer.' },
  overloaded: { status: 503, title: 'There is too much to do here just now. Try again shortly.' },
  timeout: { status: 408, title: 'The request took too long to arrive.' },
  internal: { status: 500, title: 'Something went wrong here.' },
} as const

export type ClientCode = keyof typeof clientCodes

/**
 * Why a request was refused: precise, for the log record, the metric label and the event. One reason per refusal. The
 * value is the code that the client sees instead.
 */
export const reasons = {
  /** Nothing was sent. */
  missing: 'unauthenticated',
  /** Signed out in this browser: the session counts as absent. */
  tombstoned: 'unauthenticated',
  /** Not three base64url segments (RFC 7515 section 7.1), or a header or payload that is not a JSON object. */
  malformed: 'invalid_credential',
  bad_signature: 'invalid_credential',
  unknown_kid: 'invalid_credential',
  /** The header names another algorithm than the key's, or carries a member that our tokens do not have. */
  bad_header: 'invalid_credential',
  wrong_kind: 'invalid_credential',
  wrong_audience: 'invalid_credential',
  wrong_issuer: 'invalid_credential',
  /** Bound to a key, and brought without a proof of it (RFC 9449 section 7.2). */
  bound_token: 'invalid_credential',
  /** Bound to no key, where only a bound token is taken: with the scheme DPoP, or where that is required. */
  unbound_token: 'invalid_credential',
  /** Not signed with the key that the session is bound to, or not what such a proof has to say. */
  bad_device_proof: 'invalid_credential',
  /** A proof is due (RFC 9449 section 7.1), or required where a token is asked for, and there is none. */
  proof_missing: 'invalid_dpop_proof',
  /** More than one (RFC 9449 section 4.3, item 1). */
  proof_repeated: 'invalid_dpop_proof',
  /** No JWT of type `dpop+jwt`, too long, or a claim is missing or of the wrong type. */
  proof_malformed: 'invalid_dpop_proof',
  proof_bad_algorithm: 'invalid_dpop_proof',
  /** No public key for its algorithm, or a private one. */
  proof_bad_key: 'invalid_dpop_proof',
  proof_bad_signature: 'invalid_dpop_proof',
  /** `htm` is another method. */
  proof_wrong_method: 'invalid_dpop_proof',
  /** `htu` is another address. */
  proof_wrong_uri: 'invalid_dpop_proof',
  /** `ath` is not the hash of the token that it came with. */
  proof_wrong_token: 'invalid_dpop_proof',
  /** Made by another key than the one that the token is bound to. */
  proof_wrong_key: 'invalid_credential',
  /** `iat` is too far off. */
  proof_stale: 'invalid_dpop_proof',
  /** Without a nonce of ours that is good now: the answer brings one (RFC 9449 section 8). */
  proof_nonce_due: 'use_dpop_nonce',
  /** Shown before, to a process that remembers it. */
  proof_replayed: 'invalid_dpop_proof',
  /** A required claim is missing or of the wrong type. */
  bad_claims: 'invalid_credential',
  not_yet_valid: 'invalid_credential',
  unknown_version: 'invalid_credential',
  undecryptable: 'invalid_credential',
  /** Past `exp`, and this client or this kind of token earns no renewal. */
  expired: 'expired',
  /** Past `exp`, and never bound to a device, where only what is bound is renewed. */
  not_bound: 'expired',
  idle: 'expired',
  absolute: 'expired',
  /** The upstream token ended and there is no way to a new one. */
  upstream_expired: 'expired',
  /** The upstream was asked and said that this person is no longer signed in there. */
  upstream_refused: 'expired',
  /** Signed out or denied, in a process that knows it. */
  revoked: 'expired',
  credential_too_large: 'invalid_credential',
  duplicate_credentials: 'bad_request',
  ambiguous_path: 'bad_request',
  duplicate_host: 'bad_request',
  bad_request: 'bad_request',
  csrf: 'csrf',
  forbidden: 'forbidden',
  /** The browser is asked to sign a challenge first. */
  device_challenge: 'forbidden',
  /** Asked by a peer that is not in `trustedProxies`. */
  untrusted_proxy: 'untrusted_proxy',
  prefetch: 'prefetch',
  bad_credentials: 'sign_in_failed',
  locked: 'sign_in_failed',
  password_expired: 'sign_in_failed',
  /** A second step is due; the sign-in goes on. */
  second_factor: 'second_factor',
  /** The second step, or the answer of a provider, came too late, from another browser, or with something else than what we gave out. */
  bad_transaction: 'bad_transaction',
  /** Token exchange: no client of this id, or nothing that says which client asks. */
  unknown_client: 'invalid_client',
  wrong_client_secret: 'invalid_client',
  /** A signed assertion that is not good for this client, or not any more. */
  bad_client_assertion: 'invalid_client',
  /** The client is known, and has to authenticate in another way. */
  wrong_client_method: 'invalid_client',
  /** Not what this upstream gives out: form, signature, issuer, audience or claims. */
  bad_subject_token: 'invalid_subject_token',
  expired_subject_token: 'invalid_subject_token',
  /** The upstream was asked, and said that the token is no good. */
  refused_subject_token: 'invalid_subject_token',
  /** Bound to a key or made for an actor: what we would make of it would have lost that. */
  bound_subject_token: 'invalid_subject_token',
  /** The person was cut off by the revocations file after this token was made. */
  revoked_subject_token: 'invalid_subject_token',
  invalid_target: 'invalid_target',
  invalid_scope: 'invalid_scope',
  unsupported_grant_type: 'unsupported_grant_type',
  /** The provider says that the person may not, or does not want to. */
  provider_denied: 'provider_refused',
  /** The answer comes from another provider than the sign-in was begun at (RFC 9207; RFC 9700 section 4.4). */
  provider_mixed_up: 'bad_transaction',
  /** The provider does not take its code: used before, too old, or not begun here. */
  code_refused: 'bad_transaction',
  /** The ID token or what stands beside it is not what it must be (OpenID Connect Core 1.0 section 3.1.3.7). */
  bad_identity: 'bad_transaction',
  /** A logout token that is none of the provider's, or not for now (OpenID Connect Back-Channel Logout 1.0 section 2.6). */
  bad_logout_token: 'bad_request',
  rate_limited: 'rate_limited',
  upstream_unavailable: 'upstream_unavailable',
  upstream_bad: 'upstream_bad',
  upstream_slow: 'upstream_slow',
  /** The upstream token leaves no room in the cookie budget. */
  cookie_too_large: 'upstream_bad',
  backend_bad: 'backend_bad',
  backend_slow: 'backend_slow',
  not_found: 'not_found',
  method_not_allowed: 'method_not_allowed',
  too_large: 'too_large',
  unsupported_media_type: 'unsupported_media_type',
  expectation_failed: 'expectation_failed',
  header_too_large: 'header_too_large',
  /** More than this process can answer in time: refused before anything was looked at. */
  overloaded: 'overloaded',
  timeout: 'timeout',
  internal: 'internal',
} as const satisfies Record<string, ClientCode>

export type Reason = keyof typeof reasons
