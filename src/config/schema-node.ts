/**
 * The part of JSON Schema that the description of the configuration uses. A map is an object with one entry in
 * `patternProperties`; its `errorMessage` is about its keys.
 */
export interface SchemaNode {
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly errorMessage?: string
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null'
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly additionalProperties?: false
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly minProperties?: number
  readonly items?: SchemaNode
  readonly minItems?: number
  readonly anyOf?: readonly SchemaNode[]
  readonly enum?: readonly string[]
  readonly const?: string | boolean
  readonly pattern?: string
  readonly minLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

/** What the keys of a map must look like, and what its values are. Undefined: it is no map. */
export function mapOf(node: SchemaNode): { readonly key: RegExp; readonly value: SchemaNode } | undefined {
  const entry = Object.entries(node.patternProperties ?? {})[0]
  return entry === undefined ? undefined : { key: patternOf(entry[0]), value: entry[1] }
}

export function patternOf(pattern: string): RegExp {
  return new RegExp(pattern, 'u')
}

/** Each alternative of a union; the node itself where it is none. */
export function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf ?? [node]
}
