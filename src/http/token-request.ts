import type { FastifyRequest } from 'fastify'
import { Secret } from '../base/secret.ts'
import type { Presented } from '../life/clients.ts'
import { isRepeated } from '../life/credentials.ts'
import type { ExchangeRequest } from '../life/exchange.ts'
import type { Reason } from '../base/reasons.ts'

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** A request of the token endpoint, or what is wrong with its form. `description`: in our own words, for the client. */
export type TokenRequest =
  | { readonly ok: true; readonly request: ExchangeRequest }
  | {
      readonly ok: false
      readonly reason: Extract<Reason, 'bad_request' | 'unsupported_grant_type' | 'unknown_client' | 'invalid_target'>
      readonly description: string
    }

type Refusal = Extract<TokenRequest, { ok: false }>

/** RFC 8693 section 2.1 and RFC 8707 section 2 allow these to stand more than once, and nothing else may. */
const repeatable = new Set(['audience', 'resource'])

/** Reads the parameters of a token request (RFC 6749 section 3.2, RFC 8693 section 2.1). Cookies are not looked at. */
export function readTokenRequest({ body, raw }: Pick<FastifyRequest, 'body' | 'raw'>): TokenRequest {
  const all = readParameters(body)
  if (all === undefined) return bad('The parameters must be sent as a form in the body.')
  for (const [name, values] of all) {
    if (values.length > 1 && !repeatable.has(name)) return bad('A parameter stands there more than once.')
  }
  const one = (name: string) => all.get(name)?.[0]
  const grantType = one('grant_type')
  if (grantType === undefined) return bad('grant_type is missing.')
  if (grantType !== tokenExchange)
    return { ok: false, reason: 'unsupported_grant_type', description: `Only ${tokenExchange} is served here.` }

  const presented = readClient(one, raw.headers.authorization, raw.rawHeaders)
  if ('ok' in presented) return presented
  const subjectToken = one('subject_token')
  const subjectTokenType = one('subject_token_type')
  const scope = one('scope')
  if (subjectToken === undefined) return bad('subject_token is missing.')
  if (!/^[\x21-\x7e]+$/.test(subjectToken)) return bad('subject_token has characters that no token has.')
  if (subjectTokenType === undefined) return bad('subject_token_type is missing.')
  if (subjectTokenType !== accessTokenType && subjectTokenType !== jwtType)
    return bad(`subject_token_type must be ${accessTokenType} or ${jwtType}.`)
  if ((one('requested_token_type') ?? accessTokenType) !== accessTokenType)
    return bad(`requested_token_type must be ${accessTokenType}.`)
  if (one('actor_token') !== undefined || one('actor_token_type') !== undefined)
    return bad('Tokens for an actor are not made here.')
  const resources = all.get('resource') ?? []
  // RFC 8707 section 2: an absolute URI without a fragment. It is compared and never opened.
  if (!resources.every((uri) => URL.canParse(uri) && !uri.includes('#')))
    return { ok: false, reason: 'invalid_target', description: 'resource must be an absolute URI without a fragment.' }
  return {
    ok: true,
    request: {
      presented,
      subjectToken: new Secret(subjectToken),
      targets: [...(all.get('audience') ?? []), ...resources],
      scope,
      upstream: one('upstream'),
      rawHeaders: raw.rawHeaders,
    },
  }
}

/** By name, without those that have no value: they count as left out (RFC 6749 section 3.2). */
function readParameters(body: unknown): ReadonlyMap<string, readonly string[]> | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const all = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(body) as [string, unknown][]) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    const texts = values.filter((text) => typeof text === 'string')
    if (texts.length < values.length) return undefined
    // One that stands there twice is refused even where one of the two is empty.
    if (texts.length > 1 || texts[0] !== '') all.set(name, texts)
  }
  return all
}

/** RFC 6749 section 2.3: one way, and no more than one. */
function readClient(
  one: (name: string) => string | undefined,
  authorization: string | undefined,
  rawHeaders: readonly string[],
): Presented | Refusal {
  const id = one('client_id')
  const secret = one('client_secret')
  const assertion = one('client_assertion')
  const assertionType = one('client_assertion_type')
  const ways = [authorization, secret, assertion ?? assertionType].filter((way) => way !== undefined)
  if (ways.length > 1) return bad('The client authenticates in more than one way.')
  if (authorization !== undefined) {
    if (isRepeated(rawHeaders, 'authorization')) return bad('Authorization stands there more than once.')
    const basic = readBasic(authorization)
    if (basic === undefined) return noClient('Authorization holds no client id and secret.')
    if (id !== undefined && id !== basic.id) return bad('client_id is another one than that of Authorization.')
    return { method: 'secret', ...basic }
  }
  if (assertion !== undefined || assertionType !== undefined) {
    if (assertion === undefined || assertionType !== jwtBearer)
      return noClient(`client_assertion must come with client_assertion_type ${jwtBearer}.`)
    return { method: 'private_key_jwt', id, assertion: new Secret(assertion) }
  }
  if (id === undefined) return noClient('The client must authenticate.')
  return secret === undefined ? { method: 'none', id } : { method: 'secret', id, secret: new Secret(secret) }
}

/** HTTP Basic (RFC 7617), each part form-encoded before (RFC 6749 section 2.3.1). */
function readBasic(authorization: string): { readonly id: string; readonly secret: Secret } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]+=*)$/i.exec(authorization)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  const [id, secret] = colon === -1 ? [] : [formDecode(text.slice(0, colon)), formDecode(text.slice(colon + 1))]
  return id === undefined || id === '' || secret === undefined ? undefined : { id, secret: new Secret(secret) }
}

function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

function bad(description: string): Refusal {
  return { ok: false, reason: 'bad_request', description }
}

function noClient(description: string): Refusal {
  return { ok: false, reason: 'unknown_client', description }
}
