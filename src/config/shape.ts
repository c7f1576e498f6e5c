import { fits } from './fits.ts'
import { listed, type Spot } from './faults.ts'
import { isPlainObject, type Json } from './json.ts'
import { mendFor } from './misplaced.ts'
import { nearest } from './nearest.ts'
import { OptionsSchema } from './options.ts'
import { mapOf, type SchemaNode } from './schema-node.ts'

/*
 * Whether a configuration fits the schema is the library's verdict. What is said about one that does not is ours: a
 * validator gives ten lines for one slip inside a union and none of them says what was meant.
 */

/** Notes everything by which the value does not fit the schema. */
export function checkShape(value: Json, spot: Spot): void {
  if (fits(OptionsSchema, value)) return
  explain(OptionsSchema, value, spot)
  if (spot.isSound()) spot.fault('does not fit the schema of the configuration')
}

function explain(node: SchemaNode, value: Json, spot: Spot): void {
  if (node.anyOf !== undefined) return explainUnion(node.anyOf, value, spot)
  if (node.enum !== undefined) return explainEnum(node.enum, value, spot)
  if (node.type === 'object' && isPlainObject(value)) return explainObject(node, value, spot)
  if (node.type === 'array' && Array.isArray(value)) return explainArray(node, value, spot)
  if (!fits(node, value)) spot.fault(mismatch(node, value))
}

function explainObject(node: SchemaNode, value: Readonly<Record<string, Json>>, spot: Spot): void {
  const map = mapOf(node)
  if (map !== undefined) return explainMap(node, map, value, spot)
  const properties = node.properties ?? {}
  const names = Object.keys(properties)
  const missing = new Set((node.required ?? []).filter((name) => value[name] === undefined))
  for (const [key, member] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (property !== undefined) explain(property, member, spot.at(key))
    else {
      const free = names.filter((name) => !Object.hasOwn(value, name))
      const meant = nearest(key, free)
      // One slip is one fault: the key that was meant is not missed as well.
      if (meant !== undefined) missing.delete(meant)
      const mend = mendFor(key, names) ?? (meant === undefined ? undefined : `did you mean \`${meant}\`?`)
      spot.at(key).fault(`is not known here; ${mend ?? `known are ${listed(names)}`}`)
    }
  }
  for (const name of missing) spot.at(name).fault(`is missing${purpose(properties[name])}`)
}

function explainMap(
  node: SchemaNode,
  map: NonNullable<ReturnType<typeof mapOf>>,
  value: Readonly<Record<string, Json>>,
  spot: Spot,
): void {
  const entries = Object.entries(value)
  if (entries.length < (node.minProperties ?? 0)) spot.fault('must have at least one entry')
  for (const [key, member] of entries) {
    if (map.key.test(key)) explain(map.value, member, spot.at(key))
    else spot.at(key).fault(node.errorMessage ?? 'this key is not allowed')
  }
}

function explainArray(node: SchemaNode, value: readonly Json[], spot: Spot): void {
  const { items } = node
  if (value.length < (node.minItems ?? 0)) spot.fault('must have at least one entry; take the key out for none')
  if (items !== undefined) value.forEach((item, index) => explain(items, item, spot.at(index)))
}

function explainEnum(choices: readonly string[], value: Json, spot: Spot): void {
  if (typeof value === 'string' && choices.includes(value)) return
  const meant = typeof value === 'string' ? nearest(value, choices) : undefined
  spot.fault(`must be ${listed(choices, 'or')}${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`)
}

/** One fault for a union: about the alternative that was meant, where that is plain, else about all of them. */
function explainUnion(branches: readonly SchemaNode[], value: Json, spot: Spot): void {
  if (branches.some((branch) => fits(branch, value))) return
  if (explainKinds(branches, value, spot)) return
  const meant = orNull(branches) ?? meantBranch(branches, value)
  if (meant !== undefined) return explain(meant, value, spot)
  const slip = isPlainObject(value) ? slipOfKey(branches, value) : undefined
  spot.fault(`must be ${branches.map(form).join(' or ')}${slip === undefined ? '' : `; did you mean \`${slip}\`?`}`)
}

/** Branches told apart by `kind`: that one is meant which it names. */
function explainKinds(branches: readonly SchemaNode[], value: Json, spot: Spot): boolean {
  const kinds = branches.flatMap(({ properties }) =>
    properties?.['kind']?.const === undefined ? [] : [properties['kind']],
  )
  if (!isPlainObject(value) || kinds.length < branches.length) return false
  const kind = value['kind']
  const meant = branches.find(({ properties }) => properties?.['kind']?.const === kind)
  if (meant !== undefined) explain(meant, value, spot)
  else {
    const names = kinds.map(({ const: name }) => String(name))
    if (kind === undefined) spot.at('kind').fault(`is missing; say ${listed(names, 'or')}`)
    else explainEnum(names, kind, spot.at('kind'))
  }
  return true
}

/** What it must be where it is not `null`. */
function orNull(branches: readonly SchemaNode[]): SchemaNode | undefined {
  const others = branches.filter(({ type }) => type !== 'null')
  return others.length === 1 && others[0]?.errorMessage !== undefined ? others[0] : undefined
}

function meantBranch(branches: readonly SchemaNode[], value: Json): SchemaNode | undefined {
  if (!isPlainObject(value)) return branches.find((branch) => branch.type === 'array' && Array.isArray(value))
  const shared = branches.map(
    (branch) => Object.keys(value).filter((key) => Object.hasOwn(branch.properties ?? {}, key)).length,
  )
  const most = Math.max(...shared)
  const first = shared.indexOf(most)
  return most > 0 && first === shared.lastIndexOf(most) ? branches[first] : undefined
}

function slipOfKey(branches: readonly SchemaNode[], value: Readonly<Record<string, unknown>>): string | undefined {
  const names = branches.flatMap((branch) => Object.keys(branch.properties ?? {}))
  return Object.keys(value)
    .map((key) => nearest(key, names))
    .find((meant) => meant !== undefined)
}

function mismatch(node: SchemaNode, value: Json): string {
  if (value === null) return 'is empty; give it a value or take the key out'
  if (node.errorMessage !== undefined && mapOf(node) === undefined) return node.errorMessage
  if (node.type === 'string' && value === '') return 'must not be empty'
  if (node.type === 'string' && typeof value !== 'object') return 'must be a text; put it in quotes'
  return `must be ${form(node)}${slip(node, value)}`
}

/** What is written elsewhere for it. */
function slip(node: SchemaNode, value: Json): string {
  if (node.type === 'boolean' && typeof value === 'string' && /^(yes|no|on|off)$/i.test(value))
    return '; `yes`, `no`, `on` and `off` are texts in YAML 1.2'
  if (mapOf(node) !== undefined && Array.isArray(value)) return ', not a list: put a name and a colon before each entry'
  if (node.type === 'array' && typeof value !== 'object') return '; put it in brackets: [ … ]'
  return ''
}

/** How a value of this kind is written. */
function form(node: SchemaNode): string {
  if (node.const !== undefined) return `\`${node.const}\``
  if (node.anyOf !== undefined) return node.anyOf.map(form).join(' or ')
  return node.type === undefined ? 'anything' : forms[node.type](node)
}

const forms: Readonly<Record<NonNullable<SchemaNode['type']>, (node: SchemaNode) => string>> = {
  object: (node) => (mapOf(node) === undefined ? `{ ${objectKeys(node).join(', ')} }` : 'a map'),
  array: () => 'a list',
  string: () => 'a text',
  boolean: () => 'true or false',
  integer: (node) => range('a whole number', node),
  number: (node) => range('a number', node),
  null: () => 'null',
}

function objectKeys(node: SchemaNode): readonly string[] {
  const required = node.required ?? []
  return Object.keys(node.properties ?? {}).map((key) => (required.includes(key) ? key : `${key}?`))
}

function range(what: string, { minimum, maximum }: SchemaNode): string {
  if (minimum === undefined) return what
  return maximum === undefined ? `${what}, at least ${minimum}` : `${what} from ${minimum} to ${maximum}`
}

function purpose(node: SchemaNode | undefined): string {
  if (node?.const !== undefined) return `; say \`${node.const}\``
  const [first = ''] = (node?.description ?? '').split(/\. |\.$/)
  return first === '' ? '' : ` (${first})`
}
