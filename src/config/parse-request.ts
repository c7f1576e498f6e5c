import { checkDistinct, checkHeaderName, checkHeaderValue } from './headers.ts'
import type { Secret } from '../base/secret.ts'
import type { Spot } from './faults.ts'
import { checkSecretsFit } from './parse-secrets.ts'
import { readSecretText, type SecretSources, type SecretText } from './secrets.ts'
import { checkTemplate, fieldPattern, type Fields } from './templates.ts'
import type { RequestOptions } from './upstream-parts.ts'
import type { RequestTemplate } from './upstream.ts'

/** What a request is made of, beside its own options. */
export interface RequestMeans {
  readonly sources: SecretSources
  readonly fields: Fields
  readonly secrets: ReadonlyMap<string, Secret>
  /** Whether the token is presented as a cookie on this call. */
  readonly presentsCookie?: boolean
}

export function parseRequest(spot: Spot, options: RequestOptions, given: RequestMeans): RequestTemplate {
  const { known, used } = given.fields
  const fields = { known: new Set([...known, ...given.secrets.keys()]), used }
  const means = { ...given, fields }
  const { path, method = 'POST', json, form, contentType, basic } = options
  checkPath(spot.at('path'), path)
  checkTemplate(spot.at('path'), path, fields)
  checkBody(spot, options, method)
  checkTemplates(spot.at('json'), json, fields)
  checkTemplates(spot.at('form'), form, fields)
  checkTemplates(spot.at('basic'), basic, fields)
  checkSecretsFit(spot.at('basic', 'username'), basic?.username ?? '', means.secrets, /[:\p{Cc}]/u)
  checkSecretsFit(spot.at('basic', 'password'), basic?.password ?? '', means.secrets, /\p{Cc}/u)
  if (contentType !== undefined) checkHeaderValue(spot.at('contentType'), contentType)
  return {
    method,
    path,
    headers: parseHeaders(spot, options, means),
    body:
      json !== undefined
        ? { kind: 'json', value: json }
        : form === undefined
          ? undefined
          : { kind: 'form', value: new Map(Object.entries(form)) },
    contentType,
    basic,
  }
}

/** What is sent must be what is written: nothing that a URL parser would read in another way. */
function checkPath(spot: Spot, template: string): void {
  const path = template.replaceAll(fieldPattern, 'x')
  if (!/^[!$-;=?-Z_a-z~[\]]*$/.test(path)) {
    spot.fault(
      'may hold the characters of a path and a query only; percent-encode the others, and leave `#` and `\\` out',
    )
  } else if (/(^|\/)\.{1,2}(\/|\?|$)/.test(path)) spot.fault('may not have the segments `.` and `..`')
}

function checkBody(spot: Spot, { json, form, contentType }: RequestOptions, method: string): void {
  if (json !== undefined && form !== undefined) spot.fault('must have one body: `json` or `form`')
  const body = json !== undefined || form !== undefined
  if (body && method === 'GET')
    spot.fault('a GET request has no body; name another `method`, or put the fields into `path`')
  if (!body && contentType !== undefined)
    spot.at('contentType').fault('there is no body that it could be the type of; add `json` or `form`')
}

function checkTemplates(spot: Spot, value: unknown, fields: Fields): void {
  if (typeof value === 'string') checkTemplate(spot, value, fields)
  else if (Array.isArray(value)) value.forEach((item, index) => checkTemplates(spot.at(index), item, fields))
  else if (typeof value === 'object' && value !== null) {
    // `{username}` without quotes is a map with one key to YAML, and would be sent as one.
    const [[name, only] = [], ...more] = Object.entries(value)
    if (name !== undefined && only === null && more.length === 0 && fields.known.has(name)) {
      fields.used.add(name)
      spot.fault(`\`{${name}}\` is a map to YAML; put it in quotes: "{${name}}"`)
      return
    }
    for (const [key, member] of Object.entries(value)) checkTemplates(spot.at(key), member, fields)
  }
}

function parseHeaders(
  spot: Spot,
  { headers = {}, basic }: RequestOptions,
  means: RequestMeans,
): ReadonlyMap<string, string | Secret> {
  const instead = {
    'accept-encoding': 'answers are not asked for in compressed form; a bound on their size would be none',
    'content-type': 'say it by `contentType` of the request',
    ...(basic === undefined ? {} : { authorization: '`basic` makes this header; keep one of them' }),
    ...(means.presentsCookie === true ? { cookie: '`present` makes this header; keep one of them' } : {}),
  }
  for (const name of Object.keys(headers)) checkHeaderName(spot.at('headers', name), name, instead)
  return readHeaders(spot.at('headers'), headers, means.sources, (at, value) => {
    checkTemplate(at, value, means.fields)
    checkSecretsFit(at, value, means.secrets, /[^\t\u0020-\u007e\u0080-\u00ff]/)
  })
}

/** @param checkText looks at values that are no secrets */
export function readHeaders(
  spot: Spot,
  headers: Readonly<Record<string, SecretText>>,
  sources: SecretSources,
  checkText: (spot: Spot, value: string) => void,
): ReadonlyMap<string, string | Secret> {
  checkDistinct(spot, Object.keys(headers), (name) => name.toLowerCase())
  return new Map(
    Object.entries(headers).map(([name, written]) => {
      const at = spot.at(name)
      const value = readSecretText(at, written, sources)
      if (typeof value === 'string') checkText(at, value)
      checkHeaderValue(at, value)
      return [name, value]
    }),
  )
}
