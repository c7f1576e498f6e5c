import { clientCodes } from '../../base/reasons.ts'
import { accessTokenType } from '../token-request.ts'

/* What our JSON looks like: JSON Schema 2020-12, as OpenAPI 3.1 has it. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type JsonObject = { readonly [name: string]: Json }

const text = { type: 'string' } as const
const seconds = { type: 'integer', minimum: 0, description: 'Seconds.' } as const
const address = { type: 'string', format: 'uri' } as const
const texts = { type: 'array', items: text } as const

/** @param optional those of the members that may be missing */
function object(description: string, members: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(members).filter((name) => !optional.includes(name))
  return { type: 'object', description, properties: members, required }
}

const scalar = { type: ['string', 'number', 'boolean'] } as const

/** `DPoP`: bound to the key of the proof that came with the request (RFC 9449 section 5). */
const tokenType: JsonObject = { type: 'string', enum: ['Bearer', 'DPoP'] }

export const schemas = {
  Problem: object(
    'Problem details (RFC 9457). Tell them apart by `code`.',
    {
      type: { type: 'string', pattern: '^urn:postern:problem:[a-z_]+$' },
      title: { ...text, description: 'The whole of what is said in words, the same for every problem of a code.' },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      code: { type: 'string', enum: Object.keys(clientCodes) },
      detail: { ...text, description: 'Our own words about this request; never a value that was sent.' },
      login_url: { ...address, description: 'On 401: where to sign in.' },
      request_id: { ...text, description: 'What an operator finds the log record by.' },
      renewable: { const: true, description: 'On 401 `expired`: a renewal may bring the session back.' },
      transaction: { ...text, description: 'On 401 `second_factor`: what the next request has to bring.' },
      fields: {
        type: 'array',
        description: 'On 401 `second_factor`: what else it has to bring.',
        items: object('A field.', { name: text, label: text, required: { type: 'boolean' } }),
      },
    },
    ['detail', 'login_url', 'request_id', 'renewable', 'transaction', 'fields'],
  ),
  Session: object(
    'Who is signed in, and for how long. Never a token. With a Bearer token there is only `expiresIn`.',
    {
      subject: { ...text, description: 'Prefix of the upstream, `|`, and its id of the person.' },
      upstream: text,
      claims: {
        type: 'object',
        description: 'What the configuration takes over from the upstream.',
        additionalProperties: { anyOf: [scalar, { type: 'array', items: scalar }] },
      },
      expiresIn: seconds,
      idleIn: seconds,
      absoluteIn: seconds,
      bound: { type: 'boolean', description: 'With `session.deviceBound`: whether it is bound to the device.' },
    },
    ['idleIn', 'absoluteIn', 'bound'],
  ),
  DeviceSession: object(
    'What a browser is told of a bound session (Device Bound Session Credentials, W3C).',
    {
      session_identifier: text,
      continue: { const: false, description: 'The session is over.' },
      refresh_url: text,
      scope: object('For which requests.', {
        include_site: { type: 'boolean' },
        scope_specification: {
          type: 'array',
          items: object('A rule.', { type: text, domain: text, path: text }),
        },
      }),
      credentials: { type: 'array', items: object('A cookie.', { type: text, name: text, attributes: text }) },
      allowed_refresh_initiators: texts,
    },
    ['continue', 'refresh_url', 'scope', 'credentials', 'allowed_refresh_initiators'],
  ),
  AccessToken: object('A token for `Authorization` (RFC 6749 section 5.1), with that scheme.', {
    access_token: text,
    token_type: tokenType,
    expires_in: seconds,
  }),
  ExchangedToken: object(
    'A token that was traded for (RFC 8693 section 2.2.1).',
    {
      access_token: text,
      issued_token_type: { const: accessTokenType },
      token_type: tokenType,
      expires_in: seconds,
      scope: { ...text, description: 'What was granted. Missing: nothing was.' },
    },
    ['scope'],
  ),
  OAuthError: object(
    'An error of OAuth (RFC 6749 section 5.2).',
    {
      error: {
        type: 'string',
        enum: [
          'invalid_request',
          'invalid_target',
          'invalid_scope',
          'unsupported_grant_type',
          'invalid_client',
          'invalid_dpop_proof',
          'use_dpop_nonce',
          'temporarily_unavailable',
          'server_error',
        ],
      },
      error_description: text,
    },
    ['error_description'],
  ),
  KeySet: object('Public keys (RFC 7517 section 5).', {
    keys: {
      type: 'array',
      items: object(
        'A key.',
        {
          kty: { type: 'string', enum: ['EC', 'OKP', 'RSA'] },
          kid: text,
          alg: text,
          use: { const: 'sig' },
          crv: text,
          x: text,
          y: text,
          n: text,
          e: text,
        },
        ['crv', 'x', 'y', 'n', 'e'],
      ),
    },
  }),
  AuthorizationServer: object(
    'Metadata of an authorization server (RFC 8414 section 2).',
    {
      issuer: address,
      jwks_uri: address,
      response_types_supported: { type: 'array', maxItems: 0 },
      grant_types_supported: texts,
      token_endpoint: address,
      token_endpoint_auth_methods_supported: texts,
      token_endpoint_auth_signing_alg_values_supported: texts,
      scopes_supported: texts,
      protected_resources: texts,
      dpop_signing_alg_values_supported: texts,
    },
    [
      'token_endpoint',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
      'scopes_supported',
      'protected_resources',
      'dpop_signing_alg_values_supported',
    ],
  ),
  ProtectedResource: object(
    'Metadata of a protected resource (RFC 9728 section 2).',
    {
      resource: text,
      authorization_servers: { type: 'array', items: address },
      bearer_methods_supported: texts,
      scopes_supported: texts,
      dpop_signing_alg_values_supported: texts,
      dpop_bound_access_tokens_required: { const: true },
    },
    ['scopes_supported', 'dpop_signing_alg_values_supported', 'dpop_bound_access_tokens_required'],
  ),
} as const satisfies Readonly<Record<string, JsonObject>>

export type SchemaName = keyof typeof schemas

export function schema(name: SchemaName): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}
