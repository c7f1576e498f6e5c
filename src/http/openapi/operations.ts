import type { Config, FrontProxy } from '../../config/config.ts'
import { resourceOf } from '../../config/resource.ts'
import { accessTokenType, tokenExchange } from '../token-request.ts'
import { schema, type JsonObject, type SchemaName } from './schemas.ts'

/* What is answered at each address. An address that this configuration does not have is not described. */

type Responses = Readonly<Record<string, JsonObject>>

const html: JsonObject = { 'text/html': { schema: { type: 'string' } } }
const text = { type: 'string' } as const

const json = (name: SchemaName): JsonObject => ({ 'application/json': { schema: schema(name) } })
const problem: JsonObject = { 'application/problem+json': { schema: schema('Problem') } }

const header = (description: string): JsonObject => ({ description, required: true, schema: text })
const setsCookie: JsonObject = { 'Set-Cookie': header('The session.') }
const maySetCookie: JsonObject = { 'Set-Cookie': { ...(setsCookie['Set-Cookie'] as JsonObject), required: false } }
const location: JsonObject = { Location: header('Where to go on.') }
const cached: JsonObject = { ETag: header('For `If-None-Match`.'), 'Cache-Control': header('How long it may be kept.') }

/** A refusal of ours goes to a person as a page and to a program as a problem. */
const refusal = (description: string): JsonObject => ({ description, content: { ...problem, ...html } })
const programRefusal = (description: string): JsonObject => ({ description, content: problem })
const oauthRefusal = (description: string): JsonObject => ({ description, content: json('OAuthError') })

/** Whatever else is refused. */
const others: Responses = { default: refusal('Any other refusal.') }
const programOthers: Responses = { default: programRefusal('Any other refusal.') }

const query = (name: string, description: string): JsonObject => ({ name, in: 'query', description, schema: text })
const returnTo = query('return_to', 'Where to go afterwards: a path of this site. Anything else is `/`.')
const upstream: JsonObject = {
  name: 'upstream',
  in: 'path',
  required: true,
  description: 'Key of the provider.',
  schema: text,
}

const proof: JsonObject = {
  name: 'DPoP',
  in: 'header',
  description: 'With `dpop.mode`: a proof of the key that the token is to be bound to (RFC 9449 section 5).',
  schema: text,
}
const nonce: JsonObject = {
  'DPoP-Nonce': { description: 'For the next proof (RFC 9449 section 8).', required: false, schema: text },
}

const nobody: readonly JsonObject[] = []
const anyCredential: readonly JsonObject[] = [{ cookie: [] }, { bearer: [] }, { dpop: [] }]

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly security: readonly JsonObject[]
  readonly parameters?: readonly JsonObject[]
  readonly requestBody?: JsonObject
  readonly responses: Responses
}

type PathItem = Readonly<Partial<Record<'get' | 'post', Operation>>>

/** By path, in the words of OpenAPI: `{upstream}`, not `:upstream`. */
export function pathsOf(config: Config): Readonly<Record<string, PathItem>> {
  const { prefix } = config
  return Object.fromEntries([
    ...Object.entries(always).map(([path, item]) => [`${prefix}${path}`, item] as const),
    ...(hasProvider(config)
      ? Object.entries(providers).map(([path, item]) => [`${prefix}${path}`, item] as const)
      : []),
    ...(config.session.deviceBound === 'off'
      ? []
      : Object.entries(devices).map(([path, item]) => [`${prefix}${path}`, item] as const)),
    ...(config.exchange.size === 0 ? [] : [[`${prefix}/token`, token] as const]),
    ...config.forwardAuth.map((proxy) => [`${prefix}${verifyPath(proxy)}`, verify(proxy)] as const),
    ['/.well-known/jwks.json', document('readKeys', 'The public keys', 'application/jwk-set+json', 'KeySet')],
    [
      '/.well-known/oauth-authorization-server',
      document('readServerMetadata', 'What this server does (RFC 8414)', 'application/json', 'AuthorizationServer'),
    ],
    ...resourcePath(config),
  ])
}

/** Without one these addresses answer 404 to everybody. */
function hasProvider({ upstreams }: Config): boolean {
  return [...upstreams.values()].some(({ kind }) => kind === 'oidc')
}

function resourcePath({ api }: Config): readonly (readonly [string, PathItem])[] {
  const resource = resourceOf(api.audience)
  if (resource === undefined) return []
  const summary = 'What tokens are for (RFC 9728)'
  return [[resource.path, document('readResourceMetadata', summary, 'application/json', 'ProtectedResource')]]
}

const fields: JsonObject = {
  type: 'object',
  description: 'The fields of the upstream, by default `username` and `password`, and what stands here.',
  properties: {
    upstream: { ...text, description: 'Where there are several.' },
    transaction: { ...text, description: 'At a second step: what the answer to the first one gave.' },
  },
  additionalProperties: text,
}

function withMember(name: string, member: JsonObject): JsonObject {
  return { ...fields, properties: { ...(fields['properties'] as JsonObject), [name]: member } }
}

const always: Readonly<Record<string, PathItem>> = {
  '/login': {
    get: {
      operationId: 'showSignIn',
      summary: 'The sign-in page',
      security: nobody,
      parameters: [returnTo, query('upstream', 'Key of an upstream, to choose it.')],
      responses: {
        200: { description: 'The page.', content: html },
        303: { description: 'Signed in already, or on to the only provider.', headers: location },
        ...others,
      },
    },
    post: {
      operationId: 'signIn',
      summary: 'Sign in with a form, or with JSON for a token or a cookie',
      security: nobody,
      parameters: [proof],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: withMember('response', {
              type: 'string',
              enum: ['token', 'cookie'],
              default: 'token',
              description: 'What is wanted: an access token, or the cookie.',
            }),
          },
          'application/x-www-form-urlencoded': {
            schema: withMember('return_to', { ...text, description: 'A path of this site.' }),
          },
        },
      },
      responses: {
        200: {
          description:
            'JSON: the token, or with `"response": "cookie"` who is signed in. Form: the page of a second step.',
          headers: { ...maySetCookie, ...nonce },
          content: { 'application/json': { schema: { anyOf: [schema('AccessToken'), schema('Session')] } }, ...html },
        },
        303: { description: 'Form: signed in.', headers: { ...location, ...setsCookie } },
        400: {
          ...refusal('A field is missing, the second step cannot be finished, or the proof of a key is no good.'),
          headers: nonce,
        },
        401: refusal('Not signed in, whatever was wrong; or `second_factor`: one more step is due.'),
        403: refusal('From another site.'),
        413: refusal('Over 16 kB.'),
        415: refusal('Neither a form nor JSON.'),
        429: refusal('Too many attempts.'),
        502: refusal('The upstream gave an answer that cannot be used.'),
        503: refusal('The upstream does not answer.'),
        504: refusal('The upstream took too long.'),
        ...others,
      },
    },
  },
  '/logout': {
    get: {
      operationId: 'askSignOut',
      summary: 'A page that asks, and changes nothing',
      security: nobody,
      parameters: [returnTo],
      responses: { 200: { description: 'The page.', content: html }, ...others },
    },
    post: {
      operationId: 'signOut',
      summary: 'Sign out, at the upstream too',
      security: [{}, ...anyCredential],
      requestBody: {
        required: false,
        content: {
          'application/x-www-form-urlencoded': {
            schema: { type: 'object', properties: { return_to: { ...text, description: 'A path of this site.' } } },
          },
        },
      },
      responses: {
        204: { description: 'A program is signed out.' },
        303: { description: 'A person is signed out.', headers: location },
        403: refusal('From another site, or a cookie without an origin.'),
        ...others,
      },
    },
  },
  '/session': {
    get: {
      operationId: 'readSession',
      summary: 'Who is signed in, and for how long; changes nothing',
      security: anyCredential,
      responses: {
        200: { description: 'Signed in.', headers: nonce, content: json('Session') },
        400: programRefusal('Two credentials at once.'),
        401: {
          ...programRefusal('Nobody is; with `renewable` a renewal may bring the session back.'),
          headers: nonce,
        },
        ...programOthers,
      },
    },
  },
  '/me': {
    get: {
      operationId: 'showSession',
      summary: 'The same as a page, for the person',
      security: anyCredential,
      responses: {
        200: { description: 'The page; after a renewal with a fresh cookie.', headers: maySetCookie, content: html },
        303: { description: 'A person who is not signed in is sent to sign in.', headers: location },
        400: refusal('Two credentials at once.'),
        401: refusal('Nobody is signed in.'),
        503: refusal('The session is over but for a renewal, and the upstream cannot be asked.'),
        ...others,
      },
    },
  },
  '/renew': {
    post: {
      operationId: 'renewSession',
      summary: 'A fresh cookie',
      security: [{ cookie: [] }],
      responses: {
        204: { description: 'Renewed; or bound to a device, whose browser renews it.', headers: maySetCookie },
        400: programRefusal('A Bearer token is never renewed.'),
        401: programRefusal('The session is over.'),
        403: programRefusal('From another site.'),
        503: programRefusal('The upstream cannot be asked; the session goes on while it lasts.'),
        ...programOthers,
      },
    },
  },
  '/client.js': {
    get: {
      operationId: 'readClientScript',
      summary: 'An optional module for pages',
      security: nobody,
      responses: {
        200: { description: 'The module.', headers: cached, content: { 'text/javascript': { schema: text } } },
        304: { description: 'As it is known.', headers: cached },
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'readDescription',
      summary: 'This description',
      security: nobody,
      responses: {
        200: {
          description: 'OpenAPI 3.1.',
          headers: cached,
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        304: { description: 'As it is known.', headers: cached },
      },
    },
  },
}

const providers: Readonly<Record<string, PathItem>> = {
  '/oidc/{upstream}/start': {
    get: {
      operationId: 'startRedirect',
      summary: 'On to an OpenID Connect provider',
      security: nobody,
      parameters: [upstream, returnTo],
      responses: {
        303: { description: 'To the provider.', headers: location },
        404: refusal('There is no such provider.'),
        503: refusal('The provider does not answer.'),
        ...others,
      },
    },
  },
  '/oidc/{upstream}/callback': {
    get: {
      operationId: 'finishRedirect',
      summary: 'The way back from the provider, with what it gave',
      security: nobody,
      parameters: [upstream],
      responses: {
        200: {
          description: 'Signed in; a page that goes on, where the cookie is Strict.',
          headers: setsCookie,
          content: html,
        },
        303: { description: 'Signed in, or to the provider once more.', headers: location },
        400: refusal('Not what this browser was given.'),
        403: refusal('The provider says no.'),
        ...others,
      },
    },
  },
  '/oidc/{upstream}/backchannel-logout': {
    post: {
      operationId: 'endByProvider',
      summary: 'The provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0)',
      security: nobody,
      parameters: [upstream],
      requestBody: {
        required: true,
        content: {
          'application/x-www-form-urlencoded': {
            schema: { type: 'object', properties: { logout_token: text }, required: ['logout_token'] },
          },
        },
      },
      responses: {
        200: { description: 'What it ends is over.' },
        400: oauthRefusal('The logout token is no good.'),
        ...programOthers,
      },
    },
  },
}

const challenged = header('What to sign.')

const devices: Readonly<Record<string, PathItem>> = {
  '/device/register': {
    post: {
      operationId: 'registerDevice',
      summary: 'A browser binds the session to a key of its device (Device Bound Session Credentials)',
      security: [{ cookie: [] }],
      responses: {
        200: { description: 'Bound.', headers: setsCookie, content: json('DeviceSession') },
        401: programRefusal('There is no session, or the proof is none of it.'),
        403: programRefusal('From another site.'),
        ...programOthers,
      },
    },
  },
  '/device/refresh': {
    post: {
      operationId: 'refreshDevice',
      summary: 'A browser signs for a fresh cookie of a bound session',
      security: nobody,
      responses: {
        200: {
          description: 'A fresh cookie and no body; or with a body: the session is over.',
          headers: { ...maySetCookie, 'Secure-Session-Challenge': { ...challenged, required: false } },
          content: json('DeviceSession'),
        },
        400: programRefusal('Not sent by a browser.'),
        403: { description: 'To be signed first.', headers: { 'Secure-Session-Challenge': challenged } },
        503: { description: 'Nothing can be said now; the session is kept.' },
        ...programOthers,
      },
    },
  },
}

const token: PathItem = {
  post: {
    operationId: 'exchangeToken',
    summary: 'Trade a token of the login service for one of ours (RFC 8693)',
    security: [{}, { clientBasic: [] }],
    parameters: [proof],
    requestBody: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': {
          schema: {
            type: 'object',
            properties: {
              grant_type: { const: tokenExchange },
              subject_token: text,
              subject_token_type: text,
              requested_token_type: { const: accessTokenType },
              audience: text,
              resource: { type: 'string', format: 'uri' },
              scope: text,
              upstream: { ...text, description: 'Whose token it is, where that is not clear.' },
              client_id: text,
              client_secret: text,
              client_assertion: text,
              client_assertion_type: text,
            },
            required: ['grant_type', 'subject_token', 'subject_token_type'],
          },
        },
      },
    },
    responses: {
      200: { description: 'The token.', headers: nonce, content: json('ExchangedToken') },
      400: {
        ...oauthRefusal('The request, the subject token, the target, the scope or the proof of a key is no good.'),
        headers: nonce,
      },
      401: oauthRefusal('The client was not accepted.'),
      429: oauthRefusal('Too many attempts.'),
      503: oauthRefusal('The login service cannot be asked.'),
      default: { description: 'Any other refusal.', content: { ...json('OAuthError'), ...problem } },
    },
  },
}

function document(operationId: string, summary: string, type: string, name: SchemaName): PathItem {
  return {
    get: {
      operationId,
      summary,
      security: nobody,
      responses: {
        200: { description: 'The document.', headers: cached, content: { [type]: { schema: schema(name) } } },
        304: { description: 'As it is known.', headers: cached },
      },
    },
  }
}

export function verifyPath(proxy: FrontProxy): string {
  return proxy === 'envoy' ? '/verify/envoy/{path}' : `/verify/${proxy}`
}

/** One for GET stands for all: a front proxy may ask with any method. */
function verify(proxy: FrontProxy): PathItem {
  const path: JsonObject = {
    name: 'path',
    in: 'path',
    required: true,
    description: 'Path and query of the original request.',
    schema: text,
  }
  const signInAddress: JsonObject = { 'X-Postern-Location': header('Absolute address of the sign-in page.') }
  return {
    get: {
      operationId: `verifyFor${proxy.slice(0, 1).toUpperCase()}${proxy.slice(1)}`,
      summary: 'A front proxy asks whether a request may pass. Every other method is answered alike',
      security: [{}, ...anyCredential],
      ...(proxy === 'envoy' ? { parameters: [path] } : {}),
      responses: {
        200: { description: 'It may. Headers say who it is, and bring a renewed cookie.', headers: nonce },
        401: { ...refusal('Not signed in.'), headers: { ...signInAddress, ...nonce } },
        403: refusal('Signed in and not allowed, or asked by a peer that is not in `trustedProxies`.'),
        ...(proxy === 'nginx' ? {} : { 303: { description: 'A navigation, not signed in.', headers: location } }),
        ...others,
      },
    },
  }
}
