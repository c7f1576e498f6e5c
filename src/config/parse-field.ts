import type { Spot } from './faults.ts'
import type { FieldOptions } from './upstream-parts.ts'
import type { FieldConfig } from './upstream.ts'

const usual: readonly FieldConfig[] = [
  { name: 'username', label: 'User name', type: 'text', autocomplete: 'username', required: true },
  { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true },
]

/** Names that later requests fill in. */
const taken: ReadonlySet<string> = new Set(['token', 'refreshToken', 'subject'])

/** What a sign-in carries beside the fields, as a form or as JSON. */
const inForm: ReadonlySet<string> = new Set(['upstream', 'return_to', 'transaction', 'response'])

/** @param before fields of the form that comes first */
export function parseFields(
  spot: Spot,
  options: readonly FieldOptions[] | undefined,
  before: readonly FieldConfig[] = [],
): readonly FieldConfig[] {
  const fields = (options ?? []).map(({ name, label, type = 'text', autocomplete, required = true }) => ({
    name,
    label,
    type,
    autocomplete,
    required,
  }))
  const names = new Set(before.map(({ name }) => name))
  fields.forEach(({ name }, index) => {
    const at = spot.at(index, 'name')
    if (inForm.has(name)) at.fault('the sign-in form has something of its own by this name; choose another one')
    checkVariableName(at, name, names)
  })
  return fields
}

/** What the sign-in form asks for. */
export function parseFirstFields(spot: Spot, options: readonly FieldOptions[] | undefined): readonly FieldConfig[] {
  return options === undefined ? usual : parseFields(spot, options)
}

/** Notes a name that stands for something else already; else it is taken from now on. */
export function checkVariableName(spot: Spot, name: string, names: Set<string>): void {
  if (taken.has(name)) spot.fault('this name has a meaning of its own; choose another one')
  else if (names.has(name)) spot.fault('this name is used twice; choose another one')
  names.add(name)
}

export function fieldNames(fields: readonly FieldConfig[], which: 'all' | 'open' = 'all'): readonly string[] {
  return fields.filter(({ type }) => which === 'all' || type !== 'password').map(({ name }) => name)
}
