import { listed, type Spot } from './faults.ts'
import { english, type TextKey } from './texts/english.ts'
import type { FieldOptions } from './upstream-parts.ts'
import type { FieldConfig } from './upstream.ts'

/** What a field is called that has no label, by its `autocomplete` (HTML Living Standard 4.10.18.7). */
const words: Readonly<Record<string, TextKey>> = {
  username: 'field.username',
  'current-password': 'field.password',
  email: 'field.email',
  tel: 'field.phone',
  'one-time-code': 'field.code',
}

const usual: readonly FieldOptions[] = [
  { name: 'username', autocomplete: 'username' },
  { name: 'password', type: 'password', autocomplete: 'current-password' },
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
  const fields = (options ?? []).map((field, index): FieldConfig => {
    const { name, type = 'text', autocomplete, required = true } = field
    return { name, ...labelOf(spot.at(index), field), type, autocomplete, required }
  })
  const names = new Set(before.map(({ name }) => name))
  fields.forEach(({ name }, index) => {
    const at = spot.at(index, 'name')
    if (inForm.has(name)) at.fault('the sign-in form has something of its own by this name; choose another one')
    checkVariableName(at, name, names)
  })
  return fields
}

function labelOf(spot: Spot, { label, autocomplete = '' }: FieldOptions): Pick<FieldConfig, 'label' | 'word'> {
  if (label !== undefined) return { label }
  const word = Object.hasOwn(words, autocomplete) ? words[autocomplete] : undefined
  if (word !== undefined) return { label: english[word], word }
  spot
    .at('label')
    .fault(
      `is missing (what stands beside it); only an \`autocomplete\` of ${listed(Object.keys(words), 'or')} has a word of its own`,
    )
  return { label: '' }
}

/** What the sign-in form asks for. */
export function parseFirstFields(spot: Spot, options: readonly FieldOptions[] | undefined): readonly FieldConfig[] {
  return parseFields(spot, options ?? usual)
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
