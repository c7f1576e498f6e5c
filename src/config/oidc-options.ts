import * as Type from './type.ts'
import { choice, duration, flag, keys, map, origin, pointer, secretText, strict, text } from './schema.ts'

/* How an OpenID Connect provider is described: `upstreams.NAME` with `kind: oidc`. */

/** OpenID Connect Core 1.0 section 9. */
export const authMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const

/** OAuth 2.0 names an authorization request parameter with these (RFC 6749 appendix A). */
const parameterName = {
  pattern: '^[A-Za-z0-9_.-]{1,64}$',
  errorMessage: 'the name of a parameter is 1 to 64 letters, digits, `_`, `.` or `-`',
}

export const oidcUpstream = strict(
  {
    kind: Type.Literal('oidc', { description: 'An OpenID Connect provider.' }),
    title: Type.Optional(text('What the sign-in page calls it. Default: its key.')),
    issuer: text(
      'The issuer identifier, exactly as the provider writes it in its metadata, a final slash included. Everything else is discovered from it.',
    ),
    clientId: text('The client id that the provider knows the gateway by.'),
    clientSecret: Type.Optional(
      secretText('The client secret: `{ file: PATH }` or `{ env: NAME }`, or the text itself.'),
    ),
    clientSecretFile: Type.Optional(
      text('Path of a file that holds the client secret; short for `clientSecret: { file: PATH }`.'),
    ),
    privateKey: Type.Optional(
      secretText('A private key as JWK (RFC 7517) with `alg` and `kid`, instead of a secret: `{ file: PATH }`.'),
    ),
    tokenEndpointAuthMethod: Type.Optional(
      choice(
        authMethods,
        'How the gateway proves at the token endpoint who it is. Default: `client_secret_basic` with a secret, `private_key_jwt` with a key, `none` without either.',
      ),
    ),
    scopes: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$',
          errorMessage: 'must be a scope: visible characters without spaces, quotes and backslashes',
        }),
        {
          description:
            'Scopes to ask for; `openid` is always among them. Many providers give a refresh token for `offline_access` only.',
          default: ['openid', 'profile', 'email'],
        },
      ),
    ),
    claims: Type.Optional(
      map(
        keys.claim,
        pointer('JSON Pointer into the claims of the ID token, and of the userinfo answer over them.'),
        'Claims to take over, each by its place. Default: `name`, `email` and `preferred_username`, each from the claim of that name. An `email` is left out where the provider says `email_verified` and it is not `true`.',
      ),
    ),
    userinfo: Type.Optional(
      flag(
        'Whether the userinfo endpoint is asked: at sign-in for claims, and when a session is renewed whether the access token is still good.',
        true,
      ),
    ),
    refresh: Type.Optional(
      strict(
        {
          use: Type.Optional(flag('Whether a refresh token is kept and used, where the provider gives one.', true)),
          concurrent: Type.Optional(
            flag('Whether the provider lets several processes use the same refresh token at once.', false),
          ),
        },
        'Refresh tokens.',
      ),
    ),
    logout: Type.Optional(
      strict(
        {
          redirect: Type.Optional(
            flag('Whether signing out goes on to the provider, where it has an address for that.', true),
          ),
          idTokenHint: Type.Optional(
            flag(
              'Whether the ID token is kept, sealed, for `id_token_hint`. Some providers ask for it; it takes room in the cookie.',
              false,
            ),
          ),
          returnTo: Type.Optional(
            text(
              'Where the provider sends the browser afterwards, exactly as registered there. Default: `/logout` under `publicUrl` and `prefix`.',
            ),
          ),
        },
        'Signing out at the provider (OpenID Connect RP-Initiated Logout 1.0).',
      ),
    ),
    prompt: Type.Optional(
      choice(
        ['login', 'consent', 'select_account'],
        'What the provider is to ask the person for at each sign-in. A wish, which the person can take out of the address: only `maxAge` is verified.',
      ),
    ),
    maxAge: Type.Optional(
      duration(
        'How long ago the person may have signed in at the provider; longer ago, they do so again. Verified, give or take a minute, by `auth_time`; a provider that does not say it signs nobody in.',
      ),
    ),
    acrValues: Type.Optional(
      Type.Array(Type.String({ pattern: '^[\\x21-\\x7e]+$', errorMessage: 'must be an `acr` value without spaces' }), {
        minItems: 1,
        description: 'Ways of signing in that are good enough; the `acr` of the ID token must be one of them.',
      }),
    ),
    authorizationParameters: Type.Optional(
      map(
        parameterName,
        text('Its value.'),
        'Further parameters of the authorization request, such as `ui_locales` or `domain_hint`. What the gateway says itself cannot be named.',
      ),
    ),
    origin: Type.Optional(
      origin("Where `auth.fetch()` shows the person's access token. Default: the origin of `issuer`."),
    ),
    timeout: Type.Optional(duration('Bound on one whole call.', '10s')),
    maxResponse: Type.Optional(
      Type.Integer({
        minimum: 1024,
        maximum: 16_777_216,
        description: 'Bytes of one answer; more is a failure.',
        default: 1_048_576,
      }),
    ),
    subject: Type.Optional(
      strict(
        { prefix: Type.Optional(text('What stands before `|` in `sub`. Default: the key of the upstream.')) },
        'How `sub` is made: the prefix, and the `sub` of the ID token.',
      ),
    ),
  },
  'An OpenID Connect provider that signs people in.',
)

/** A provider as it is written, before `parse`. */
export type OidcUpstreamOptions = Type.Static<typeof oidcUpstream>
