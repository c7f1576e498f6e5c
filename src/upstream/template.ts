import type { RequestTemplate } from '../config/upstream.ts'
import { Secret } from '../base/secret.ts'
import { Unfillable, fieldsIn, fillText, isEmptyField, isLeftOut, percentEncode, type Variables } from './fill.ts'

/** A request ready to be sent. It holds secrets in the clear: it is made right before the call and kept nowhere. */
export interface FilledRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export type Filled =
  | { readonly ok: true; readonly request: FilledRequest }
  /** `field`: the one whose value does not fit. `detail` names it and never shows it. */
  | { readonly ok: false; readonly detail: string; readonly field: string | undefined }

/** Compression is not asked for: a bound on bytes received would be no bound on bytes read. */
const ownHeaders = { 'user-agent': 'postern', accept: 'application/json, */*', 'accept-encoding': 'identity' }

/**
 * Fills `{name}`s in. Each part is written so that a value stays what it is: percent-encoded in path, query and form,
 * a JSON string in JSON, Base64 in Basic, refused in a header that cannot carry it.
 *
 * @param shown headers that present the token; those of the template come after them and win
 */
export function fillRequest(
  template: RequestTemplate,
  variables: Variables,
  shown: ReadonlyMap<string, string> = new Map(),
): Filled {
  try {
    const { body } = template
    const contentType = template.contentType ?? (body === undefined ? undefined : contentTypes[body.kind])
    const headers = new Map<string, string>([
      ...Object.entries(ownHeaders),
      ...(contentType === undefined ? [] : [['content-type', contentType] as const]),
      ...shown,
      ...(template.basic === undefined ? [] : [['authorization', basicHeader(template.basic, variables)] as const]),
    ])
    for (const [name, value] of template.headers) {
      if (typeof value === 'string' && isEmptyField(value, variables)) continue
      headers.set(name.toLowerCase(), headerValue(name, value, variables))
    }
    const request = {
      method: template.method,
      path: fillPath(template.path, variables),
      headers: Object.fromEntries(headers),
      body:
        body === undefined
          ? undefined
          : body.kind === 'form'
            ? fillForm(body.value, variables)
            : fillJson(body.value, variables),
    }
    return { ok: true, request }
  } catch (error) {
    if (error instanceof Unfillable) return { ok: false, detail: error.message, field: error.field }
    throw error
  }
}

/** Names of the fields that a request is made of. */
export function fieldsOf({ path, headers, body, basic: credentials }: RequestTemplate): ReadonlySet<string> {
  const templates = [
    path,
    ...headers.values(),
    credentials?.username,
    credentials?.password,
    ...stringsIn(body?.kind === 'form' ? [...body.value.values()] : body?.value),
  ]
  return new Set(templates.flatMap((template) => (typeof template === 'string' ? fieldsIn(template) : [])))
}

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : []
}

const contentTypes = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const

function fillPath(template: string, variables: Variables): string {
  const filled = fillText(withoutEmptyPairs(template, variables), variables, { write: percentEncode })
  // Dots cannot be escaped: `/users/{username}/token` with `..` would be another address for whoever normalises it.
  const [path = ''] = filled.split('?', 1)
  const dots = path.split('/').findIndex((segment) => segment === '.' || segment === '..')
  if (dots >= 0) {
    throw new Unfillable('A value would be a dot segment of the path.', fieldsIn(template.split('/')[dots] ?? '')[0])
  }
  return filled
}

/** Everything else of the query stays as it is written. */
function withoutEmptyPairs(template: string, variables: Variables): string {
  const at = template.indexOf('?')
  if (at === -1) return template
  const pairs = template.slice(at + 1).split('&')
  const sent = pairs.filter((pair) => {
    const equals = pair.indexOf('=')
    return equals === -1 || !isEmptyField(pair.slice(equals + 1), variables)
  })
  return `${template.slice(0, at)}${sent.length === 0 ? '' : `?${sent.join('&')}`}`
}

/** RFC 9110 section 5.5: no line breaks and no other control characters; beyond Latin-1 there is no byte for it. */
/** @throws Unfillable */
export function headerValue(name: string, template: string | Secret, variables: Variables): string {
  if (template instanceof Secret) return template.reveal()
  return fillText(template, variables, {
    cannotCarry: { pattern: /[^\t\x20-\x7e\x80-\xff]/, where: `The header ${name}` },
  })
}

/**
 * RFC 7617 section 2: UTF-8, no colon in the user name, no control characters.
 *
 * @throws Unfillable
 */
export function basicHeader(template: NonNullable<RequestTemplate['basic']>, variables: Variables): string {
  const where = 'HTTP Basic'
  const username = fillText(template.username, variables, { cannotCarry: { pattern: /[:\p{Cc}]/u, where } })
  const password = fillText(template.password, variables, { cannotCarry: { pattern: /\p{Cc}/u, where } })
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function fillForm(form: ReadonlyMap<string, string>, variables: Variables): string {
  return [...form]
    .filter(([, template]) => !isLeftOut(template, variables))
    .map(([name, template]) => `${percentEncode(name)}=${percentEncode(fillText(template, variables))}`)
    .join('&')
}

/** Values are filled in before the text is made, so a quote or a brace in one is only ever a character of a string. */
function fillJson(value: unknown, variables: Variables): string {
  return JSON.stringify(fillStrings(value, variables))
}

function fillStrings(value: unknown, variables: Variables): unknown {
  if (typeof value === 'string') return fillText(value, variables)
  if (Array.isArray(value)) return value.map((element) => fillStrings(element, variables))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => typeof member !== 'string' || !isLeftOut(member, variables))
      .map(([name, member]) => [name, fillStrings(member, variables)]),
  )
}
