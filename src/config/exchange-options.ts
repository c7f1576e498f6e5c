import * as Type from './type.ts'
import { choice, flag, keys, map, pointer, strict, text } from './schema.ts'

/* Token exchange: how the tokens that API clients bring are validated (`exchange`), and who may bring them (`clients`). */

/** Signatures that anyone may verify and only one can make: no HMAC, no `none` (RFC 8725 section 3.1). */
export const signatureNames = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const

export type SignatureName = (typeof signatureNames)[number]

export const usualSignatures = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const

const method = <T extends string>(by: T) =>
  Type.Literal(by, { description: 'How: `check`, `introspection` or `jwks`.' })

const url = (description: string) => Type.String({ title: 'URL', description, minLength: 1 })

const issuer = 'What `iss` must be, exactly. Where it is left out, anything.'

const audience =
  'What `aud` must name: the API that the tokens are for. Where it is left out, a token for any other service of the issuer will do.'

const told = {
  subject: Type.Optional(
    Type.String({
      ...pointer('JSON Pointer to the id of the person. It must be the id that sign-in at this upstream finds.'),
      default: '/sub',
    }),
  ),
  claims: Type.Optional(map(keys.claim, pointer('JSON Pointer to the claim.'), 'Claims that are taken over.')),
  boundByScope: Type.Optional(
    flag('Whether a `scope` that the token itself has bounds what is granted. Without one nothing is bounded.', true),
  ),
}

const byCheck = strict({ by: method('check') }, 'By the check call of the upstream. Its answer must name the subject.')

const byIntrospection = strict(
  {
    by: method('introspection'),
    endpoint: url('Address of the introspection endpoint.'),
    clientId: text('Who we are there.'),
    clientSecretFile: text('Path of the file that holds our secret there; sent by HTTP Basic.'),
    issuer: Type.Optional(text(issuer)),
    audience: Type.Optional(text(audience)),
    ...told,
  },
  'By asking the service that made the token (RFC 7662).',
)

const byJwks = strict(
  {
    by: method('jwks'),
    issuer: text(issuer),
    uri: url("Address of the issuer's key set (RFC 7517)."),
    audience: text(audience),
    algorithms: Type.Optional(
      Type.Array(choice(signatureNames, 'A signature algorithm.'), {
        minItems: 1,
        description: 'Signature algorithms that are accepted, each only with a key that is made for it.',
        default: [...usualSignatures],
      }),
    ),
    typ: Type.Optional(
      Type.Array(Type.String({ minLength: 1, description: 'A value of the `typ` header, without `application/`.' }), {
        minItems: 1,
        description:
          'What the `typ` header must be. Many issuers say `JWT`; an ID token for the same audience then is as good as an access token.',
        default: ['at+jwt'],
      }),
    ),
    ...told,
  },
  'By its signature: a JWT that the issuer signed (RFC 9068).',
)

export const exchange = Type.Union([byCheck, byIntrospection, byJwks], {
  title: 'exchange',
  description: 'How tokens of this upstream are validated.',
})

const scope = Type.String({
  description: 'A scope.',
  pattern: '^[!#-\\[\\]-~]+$',
  errorMessage: 'must be one scope: visible ASCII characters without spaces, `"` and `\\`',
})

export const clientKey = {
  pattern: '^[A-Za-z0-9][A-Za-z0-9._~:/@-]{0,127}$',
  errorMessage: 'a client id begins with a letter or digit and goes on with at most 127 of them and `. _ ~ : / @ -`',
} as const

export const client = strict(
  {
    secretFile: Type.Optional(
      text('Path of the file that holds its secret, 32 bytes at least; a final line break is cut.'),
    ),
    publicKeyFile: Type.Optional(
      text(
        'Path of a JSON file with its public key, a JWK or a JWK Set (RFC 7517), each with `alg`: it signs an assertion (`private_key_jwt`) instead of showing a secret.',
      ),
    ),
    public: Type.Optional(
      flag(
        'Whether it has no credential at all, such as an app on the device of a person: whoever has a subject token may then trade it, with the id of this client.',
        false,
      ),
    ),
    audiences: Type.Optional(
      Type.Array(text('An `aud`.'), {
        minItems: 1,
        description: 'Audiences that it may ask for. Default: `api.audience` alone. No other opens the routes here.',
      }),
    ),
    scopes: Type.Optional(
      Type.Array(scope, { description: 'Scopes that it may have; all of them where it asks for none.', default: [] }),
    ),
    upstreams: Type.Optional(
      Type.Array(Type.String({ description: 'Key of an upstream.', ...keys.upstream }), {
        minItems: 1,
        description: 'Upstreams whose tokens it may trade. Default: all of `exchange`.',
      }),
    ),
    dpop: Type.Optional(
      choice(['optional', 'required'], 'Whether it has to bring a proof of its key. Default: `dpop.mode`.'),
    ),
  },
  'A client of the token endpoint. It has exactly one of `secretFile`, `publicKeyFile` and `public: true`.',
)

export type ExchangeOptions = Type.Static<typeof exchange>
export type ClientOptions = Type.Static<typeof client>
