/**
 * Writes `docs/configuration.md` from the description of the configuration.
 *
 *     node scripts/configuration-docs.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { conditionParts } from '../src/config/schema.ts'
import { OptionsSchema } from '../src/config/options.ts'
import { mapOf, type SchemaNode } from '../src/config/schema-node.ts'

const target = new URL('../docs/configuration.md', import.meta.url)
const head = new URL('../docs/parts/configuration.md', import.meta.url)

/** Kinds of value that stand in many places: told once, at the end. */
const parts: readonly string[] = [
  'request',
  'condition',
  'sign-in refusal',
  'later refusal',
  'place',
  'claim place',
  'expiry',
  'field',
  'exchange',
  'secret text',
]

/** The whole reference, as it should stand in the file. */
export function configurationDocs(): string {
  const found = new Map<string, SchemaNode>()
  collectParts(OptionsSchema, found)
  const sections = [
    '## Keys',
    table(OptionsSchema),
    ...Object.entries(OptionsSchema.properties).flatMap(([key, node]) => section(node, key, 3)),
    '## Kinds of value',
    kinds,
    ...parts.flatMap((title) => partSection(title, found.get(title))),
  ]
  return `${readFileSync(head, 'utf8').trim()}\n\n${sections.join('\n\n')}\n`
}

const kinds = `- **duration**: digits and a unit, one of \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`, such as \`500ms\`, \`30s\`, \`5m\`, \`8h\`, \`30d\`.
- **rate**: how many in what time, such as \`5/1m\` or \`50/15m\`.
- **size**: digits and a unit, one of \`B\`, \`kB\`, \`MB\`, \`GB\`, such as \`10MB\`; 1 kB is 1000 bytes.
- **origin**: scheme, host and port, such as \`https://app.example.com\`, without path, query or user name.
- **URL**: an origin with a path and, where need be, a query.
- **JSON Pointer**: RFC 6901, such as \`/user/id\`; the empty one is the whole document.`

/** The first of each title: those of one title differ in their descriptions only. */
function collectParts(node: SchemaNode, found: Map<string, SchemaNode>): void {
  if (node.title !== undefined && !found.has(node.title)) found.set(node.title, node)
  for (const child of children(node)) collectParts(child, found)
}

function children(node: SchemaNode): readonly SchemaNode[] {
  const below = [mapOf(node)?.value, node.items].filter((one) => one !== undefined)
  return [...Object.values(node.properties ?? {}), ...(node.anyOf ?? []), ...below]
}

/**
 * A section for everything below a key that has keys of its own.
 *
 * @param kind told in every heading, where things of several kinds stand under one key
 */
function section(node: SchemaNode, path: string, level: number, kind = ''): readonly string[] {
  if (node.title !== undefined && parts.includes(node.title)) return []
  const map = mapOf(node)
  if (map !== undefined) return section(map.value, `${path}.NAME`, level, kind)
  if (node.items !== undefined) return section(node.items, `${path}[]`, level, kind)
  if (node.anyOf?.every((one) => one.properties?.['kind'] !== undefined)) {
    return node.anyOf.flatMap((one) => section(one, path, level, `, kind ${one.properties?.['kind']?.const}`))
  }
  if (node.properties === undefined) return []
  return [
    `${'#'.repeat(Math.min(level, 5))} \`${path}\`${kind}`,
    node.description ?? '',
    table(node),
    ...Object.entries(node.properties).flatMap(([key, child]) => section(child, `${path}.${key}`, level + 1, kind)),
  ]
}

function partSection(title: string, node: SchemaNode | undefined): readonly string[] {
  if (node === undefined) throw new Error(`Nothing in the schema has the title ${title}.`)
  const heading = `### ${title}`
  if (title.endsWith(' refusal')) {
    const own = Object.entries(node.properties ?? {}).filter(([key]) => !Object.hasOwn(conditionParts, key))
    return [
      heading,
      'A [condition](#condition), and what it means.',
      table({ properties: Object.fromEntries(own), required: ['as'] }),
    ]
  }
  if (node.anyOf === undefined) return [heading, table(node), ...sectionsBelow(node)]
  const rows = node.anyOf.map((one) => `| ${form(one)} | ${cell(one.description ?? '')} |`)
  // Which keys are needed depends on which of them it is, as the rows above show.
  const keys: SchemaNode = { properties: mergedProperties(node.anyOf) }
  return [heading, ['| one of | what it is |', '|---|---|', ...rows].join('\n'), table(keys), ...sectionsBelow(keys)]
}

/** A key by which the alternatives are told apart has the values of all of them. */
function mergedProperties(alternatives: readonly SchemaNode[]): Readonly<Record<string, SchemaNode>> {
  const merged = new Map<string, SchemaNode>()
  for (const [key, child] of alternatives.flatMap((one) => Object.entries(one.properties ?? {}))) {
    const before = merged.get(key)
    const consts = [...(before?.enum ?? [before?.const]), child.const].filter((one) => typeof one === 'string')
    merged.set(key, consts.length > 1 ? { ...withoutConst(child), enum: consts } : child)
  }
  return Object.fromEntries(merged)
}

function withoutConst(node: SchemaNode): SchemaNode {
  return Object.fromEntries(Object.entries(node).filter(([key]) => key !== 'const'))
}

function sectionsBelow(node: SchemaNode): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => section(child, key, 4))
}

function form(node: SchemaNode): string {
  if (node.properties === undefined) return typeName(node)
  const required = node.required ?? []
  return `\`{ ${Object.keys(node.properties)
    .map((key) => `${key}${required.includes(key) ? '' : '?'}: ${node.properties?.[key]?.const ?? '…'}`)
    .join(', ')} }\``
}

function table(node: SchemaNode): string {
  const rows = Object.entries(node.properties ?? {}).map(([key, child]) => {
    const needed = node.required?.includes(key) ?? false
    const fallback = needed
      ? '*needed*'
      : child.default === undefined
        ? ''
        : `\`${JSON.stringify(child.default).replaceAll(/^"|"$/g, '')}\``
    return `| \`${key}\` | ${cell(child.description ?? '')} | ${typeName(child)} | ${fallback} |`
  })
  return ['| key | what it says | type | default |', '|---|---|---|---|', ...rows].join('\n')
}

function typeName(node: SchemaNode): string {
  if (node.title !== undefined)
    return parts.includes(node.title) ? `[${node.title}](#${node.title.replaceAll(' ', '-')})` : node.title
  if (node.enum !== undefined) return node.enum.map((one) => `\`${one}\``).join(', ')
  if (node.const !== undefined) return `\`${node.const}\``
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map((one) => typeName(one)))].join(' or ')
  const map = mapOf(node)
  if (map !== undefined) return `map of ${several(map.value)}`
  if (node.items !== undefined) return `list of ${several(node.items)}`
  if (node.properties !== undefined) return 'map, see below'
  if (node.type === 'integer' && node.minimum !== undefined) {
    return node.maximum === undefined
      ? `whole number, at least ${node.minimum}`
      : `whole number, ${node.minimum} to ${node.maximum}`
  }
  return node.type === undefined ? 'any JSON' : typeNames[node.type]
}

function several(node: SchemaNode): string {
  return typeName(node)
    .replace(/^map\b/, 'maps')
    .replace(/^whole number\b/, 'whole numbers')
}

const typeNames: Readonly<Record<NonNullable<SchemaNode['type']>, string>> = {
  object: 'map',
  array: 'list',
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: '`true` or `false`',
  null: '`null`',
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

if (import.meta.main) writeFileSync(target, configurationDocs())
