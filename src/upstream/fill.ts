import { Secret } from '../base/secret.ts'
import { fieldPattern } from '../config/templates.ts'

/** What `{name}` stands for. */
export type Variables = ReadonlyMap<string, string | Secret>

/** How a value is written where it is put, so that it stays one value there. */
export interface Writing {
  readonly write?: (value: string) => string
  /** What no value may have there, and where that is. */
  readonly cannotCarry?: { readonly pattern: RegExp; readonly where: string }
}

/**
 * A request that cannot be made of these values. Thrown inside `fillRequest` and caught there, never seen outside.
 *
 * `field`: the one whose value does not fit; undefined where the fault is not in a value.
 */
export class Unfillable extends Error {
  readonly field: string | undefined

  constructor(message: string, field: string | undefined) {
    super(message)
    this.field = field
  }
}

/** Names of the fields of a template. Braces around anything else are text. */
export function fieldsIn(template: string): readonly string[] {
  return [...template.matchAll(fieldPattern)].map(([, name = '']) => name)
}

/** @throws Unfillable for a field that has no value, or one that cannot be written there */
export function fillText(template: string, variables: Variables, { write, cannotCarry }: Writing = {}): string {
  return template.replaceAll(fieldPattern, (_whole, name: string) => {
    const value = valueOf(name, variables)
    if (value === undefined) throw new Unfillable(`{${name}} has no value here.`, name)
    if (cannotCarry?.pattern.test(value) === true)
      throw new Unfillable(`${cannotCarry.where} cannot carry {${name}}.`, name)
    return write === undefined ? value : write(value)
  })
}

/** A template that is nothing but one field, and that field has nothing in it: what holds it is left out. */
export function isLeftOut(template: string, variables: Variables): boolean {
  const name = onlyField(template)
  return name !== undefined && (valueOf(name, variables) ?? '') === ''
}

/**
 * The same for a header and a pair of the query, and only where the field is there, as an optional one of the form is. A
 * logout call without its CSRF token would be refused, and a refusal is taken for a token that had ended before.
 */
export function isEmptyField(template: string, variables: Variables): boolean {
  const name = onlyField(template)
  return name !== undefined && valueOf(name, variables) === ''
}

function onlyField(template: string): string | undefined {
  const [name] = fieldsIn(template)
  return template === `{${name}}` ? name : undefined
}

/** The only place where what a person typed, a token or a refresh token is taken out of its wrapping to be sent. */
function valueOf(name: string, variables: Variables): string | undefined {
  const value = variables.get(name)
  const text = value instanceof Secret ? value.reveal() : value
  // Half a surrogate pair has no bytes in UTF-8: something else than what was typed would be sent (security.md LG-07).
  if (text !== undefined && !text.isWellFormed()) throw new Unfillable(`{${name}} is not well-formed text.`, name)
  return text
}

/**
 * Everything but the unreserved characters of RFC 3986 section 2.3, which is right in a path segment, in a query and in
 * a form alike. A space becomes `%20`, never `+`: every decoder of forms knows it, decoders of paths know nothing else.
 */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
