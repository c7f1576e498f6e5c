import { Secret } from '../base/secret.ts'
import type { FieldConfig } from '../config/upstream.ts'

/** The body of a sign-in, form or JSON, once its shape is known to be right. */
export interface SignInBody {
  readonly upstream: string | undefined
  readonly returnTo: string | undefined
  readonly transaction: string | undefined
  /** JSON only. */
  readonly response: 'token' | 'cookie'
  /** Everything else: the fields. */
  readonly values: ReadonlyMap<string, string>
}

const ours = new Set(['upstream', 'return_to', 'transaction', 'response'])

/** Undefined for anything but an object whose members are texts, each once (security.md LG-11). */
export function readSignInBody(body: unknown): SignInBody | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const members = new Map<string, string>()
  for (const [name, value] of Object.entries(body)) {
    if (typeof value !== 'string') return undefined
    members.set(name, value)
  }
  const response = members.get('response') ?? 'token'
  if (response !== 'token' && response !== 'cookie') return undefined
  return {
    upstream: members.get('upstream'),
    returnTo: members.get('return_to'),
    transaction: members.get('transaction'),
    response,
    values: new Map([...members].filter(([name]) => !ours.has(name))),
  }
}

/** The values of these fields, and the names of required ones that are missing. A password is taken byte for byte. */
export function fieldValues(fields: readonly FieldConfig[], values: ReadonlyMap<string, string>) {
  const typed = new Map(fields.map(({ name }) => [name, new Secret(values.get(name) ?? '')]))
  const missing = fields
    .filter(({ name, required }) => required && (values.get(name) ?? '') === '')
    .map(({ name }) => name)
  return { typed, missing }
}

/** What may be shown again in the form: everything typed but passwords, and codes that are good once. */
export function shownAgain(
  fields: readonly FieldConfig[],
  values: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const shown = fields.filter(({ type, autocomplete }) => type !== 'password' && autocomplete !== 'one-time-code')
  return Object.fromEntries(shown.map(({ name }) => [name, values.get(name) ?? '']))
}
