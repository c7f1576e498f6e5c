import type { Secret } from '../base/secret.ts'
import type { FieldConfig } from '../config/upstream.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import type { Variables } from './fill.ts'
import type { FieldValues } from './upstream.ts'

/** What was typed, field by field; one that was not sent at all is empty. */
export function typedVariables(fields: readonly FieldConfig[], typed: FieldValues): Variables {
  return new Map(fields.map(({ name }) => [name, typed.get(name) ?? '']))
}

/**
 * Whether a field that must be filled in is empty. Asked here too, whoever asked before: a directory behind a login API
 * takes an empty password for an anonymous sign-in, and says yes.
 */
export function lacksRequired(fields: readonly FieldConfig[], typed: FieldValues): boolean {
  return fields.some(({ name, required }) => required && (typed.get(name)?.reveal() ?? '') === '')
}

/** Those of it that are no password: what may be shown, sealed into a second step, or be a subject. */
export function openNames(fields: readonly FieldConfig[]): ReadonlySet<string> {
  return new Set(fields.filter(({ type }) => type !== 'password').map(({ name }) => name))
}

export function pick(variables: Variables, names: ReadonlySet<string>): Variables {
  return new Map([...variables].filter(([name]) => names.has(name)))
}

export function plainText(variables: Variables): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...variables].map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()]),
  )
}

/** `{token}`, `{refreshToken}`, `{subject}` and what an earlier answer gave. */
export function grantVariables(grant: UpstreamGrant, subject: string | undefined): Variables {
  return new Map<string, string | Secret>([
    ...Object.entries(grant.values),
    ['token', grant.token],
    ...(grant.refreshToken === undefined ? [] : [['refreshToken', grant.refreshToken] as const]),
    ...(subject === undefined ? [] : [['subject', subject] as const]),
  ])
}
