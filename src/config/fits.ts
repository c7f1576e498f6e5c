import { isPlainObject } from './json.ts'
import { mapOf, patternOf, type SchemaNode } from './schema-node.ts'

/** Whether a value fits, by the part of JSON Schema that {@link SchemaNode} is. A test holds it to a library's verdicts. */
export function fits(node: SchemaNode, value: unknown): boolean {
  if (node.anyOf !== undefined) return node.anyOf.some((branch) => fits(branch, value))
  if (node.enum !== undefined) return node.enum.some((one) => one === value)
  if (node.const !== undefined) return value === node.const
  return node.type === undefined || checks[node.type](node, value)
}

const checks: Readonly<Record<NonNullable<SchemaNode['type']>, (node: SchemaNode, value: unknown) => boolean>> = {
  object: (node, value) => isPlainObject(value) && fitsObject(node, value),
  array: ({ items, minItems = 0 }, value) =>
    Array.isArray(value) && value.length >= minItems && (items === undefined || value.every((one) => fits(items, one))),
  string: ({ pattern, minLength = 0 }, value) =>
    typeof value === 'string' && value.length >= minLength && (pattern === undefined || patternOf(pattern).test(value)),
  integer: (node, value) => Number.isInteger(value) && inRange(node, value as number),
  number: (node, value) => Number.isFinite(value) && inRange(node, value as number),
  boolean: (_node, value) => typeof value === 'boolean',
  null: (_node, value) => value === null,
}

function fitsObject(node: SchemaNode, value: Readonly<Record<string, unknown>>): boolean {
  const map = mapOf(node)
  const members = Object.entries(value)
  if (map !== undefined) {
    const enough = members.length >= (node.minProperties ?? 0)
    return enough && members.every(([key, member]) => map.key.test(key) && fits(map.value, member))
  }
  const properties = node.properties ?? {}
  return (
    (node.required ?? []).every((name) => Object.hasOwn(value, name)) &&
    members.every(([key, member]) => {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined
      return property !== undefined && fits(property, member)
    })
  )
}

function inRange({ minimum = -Infinity, maximum = Infinity }: SchemaNode, value: number): boolean {
  return value >= minimum && value <= maximum
}
