import { formatPath, type Path } from './faults.ts'
import { isPlainObject, type Json } from './json.ts'
import { nearest } from './nearest.ts'
import { OptionsSchema } from './options.ts'
import { alternatives, mapOf, type SchemaNode } from './schema-node.ts'

/*
 * Every scalar of the configuration has a variable: POSTERN_SESSION__TOKEN_TTL is `session.tokenTtl`. Two underscores go
 * one level down, one underscore begins a new word. Keys of maps and indexes of lists are those that the file has:
 * POSTERN_UPSTREAMS__MY_ACCOUNTS__ORIGIN, POSTERN_ROUTES__0__BACKEND. A list of scalars is written with commas. With
 * _FILE at the end the value is read from the file that is named.
 *
 * A variable with two underscores that names no option is a fault, and so is one that almost names an option. Others
 * are not ours: a cluster puts POSTERN_SERVICE_HOST and its like beside every service called "postern".
 */

const prefix = 'POSTERN_'

export interface EnvironmentSources {
  readonly env: Readonly<Record<string, string | undefined>>
  readFile(path: string): string | undefined
}

export interface Overridden {
  readonly value: unknown
  /** Which variable set what stands at a path, as `formatPath` writes it. */
  readonly setBy: ReadonlyMap<string, string>
  /** One sentence each, beginning with the variable. */
  readonly faults: readonly string[]
}

/** A place that a variable can set. */
interface Target {
  readonly path: Path
  readonly node: SchemaNode
  readonly present: unknown
}

/** The value with what the environment says put over it. The value itself stays as it is. */
export function applyEnvironment(value: unknown, sources: EnvironmentSources): Overridden {
  const names = Object.keys(sources.env).filter((name) => name.startsWith(prefix) && sources.env[name] !== undefined)
  const setBy = new Map<string, string>()
  const faults: string[] = []
  if (names.length === 0) return { value, setBy, faults }
  const targets = new Map<string, readonly Target[]>()
  for (const [name, target] of targetsIn(OptionsSchema, value, [], ''))
    targets.set(name, [...(targets.get(name) ?? []), target])
  let result = value
  for (const name of names.toSorted()) {
    const found = find(name, targets)
    if ('fault' in found) faults.push(`${name}: ${found.fault}`)
    else if (found.target !== undefined) {
      const path = formatPath(found.target.path)
      const earlier = setBy.get(path)
      const read = readVariable(name, found.target, found.byFile, sources)
      if (earlier !== undefined) faults.push(`${name}: sets the same as ${earlier}; keep one of them`)
      else if (read === undefined) faults.push(`${name}: the file that it names cannot be read`)
      else result = put(result, found.target.path, read)
      setBy.set(path, name)
    }
  }
  return { value: result, setBy, faults }
}

type Found = { readonly fault: string } | { readonly target: Target | undefined; readonly byFile: boolean }

function find(variable: string, targets: ReadonlyMap<string, readonly Target[]>): Found {
  const name = variable.slice(prefix.length)
  const direct = targets.get(name)
  const found = direct ?? targets.get(name.replace(/_FILE$/, ''))
  if (found !== undefined) {
    const paths = new Set(found.map(({ path }) => formatPath(path)))
    if (paths.size > 1) return { fault: `may mean ${[...paths].join(' or ')}; set it in the file` }
    return { target: found[0], byFile: direct === undefined }
  }
  const meant = nearest(name, targets.keys())
  const fold = (text: string) => text.replaceAll('_', '')
  if (meant !== undefined && (name.includes('__') || fold(meant) === fold(name) || !meant.includes('__'))) {
    return { fault: `names no option; did you mean ${prefix}${meant}?` }
  }
  return name.includes('__')
    ? { fault: 'names no option, or one below a key that the file does not have' }
    : { target: undefined, byFile: false }
}

/** Every place below a node that a variable can set, with its name. */
function* targetsIn(
  node: SchemaNode,
  present: unknown,
  path: Path,
  name: string,
): Generator<readonly [string, Target]> {
  if (path.length > 0 && (isScalar(node, present) || isScalarList(node))) yield [name, { path, node, present }]
  const join = (segment: string) => (name === '' ? segment : `${name}__${segment}`)
  for (const one of alternatives(node)) {
    for (const [key, child] of Object.entries(one.properties ?? {})) {
      yield* targetsIn(child, isPlainObject(present) ? present[key] : undefined, [...path, key], join(words(key)))
    }
    const below = mapOf(one)?.value ?? (isAnything(one) ? one : undefined)
    if (below !== undefined && isPlainObject(present)) {
      for (const [key, member] of Object.entries(present)) {
        for (const segment of new Set([words(key), plain(key)]))
          yield* targetsIn(below, member, [...path, key], join(segment))
      }
    }
    const items = one.items ?? (isAnything(one) ? one : undefined)
    if (items !== undefined && Array.isArray(present)) {
      for (const [index, item] of present.entries())
        yield* targetsIn(items, item, [...path, index], join(String(index)))
    }
  }
}

/** `tokenTtl` is TOKEN_TTL. */
function words(key: string): string {
  return plain(key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'))
}

/** `X-Api-Key` is X_API_KEY. */
function plain(key: string): string {
  return key.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
}

/** A node that says nothing: any JSON. */
function isAnything(node: SchemaNode): boolean {
  return node.type === undefined && node.enum === undefined && node.const === undefined && node.anyOf === undefined
}

function isScalar(node: SchemaNode, present: unknown): boolean {
  if (isAnything(node)) return present !== undefined && typeof present !== 'object'
  return alternatives(node).some((one) => one.type !== 'object' && one.type !== 'array' && !isAnything(one))
}

function isScalarList(node: SchemaNode): boolean {
  return alternatives(node).some((one) => one.items !== undefined && isScalar(one.items, undefined))
}

/** Undefined: the file that the variable names cannot be read. */
function readVariable(
  name: string,
  { node, present }: Target,
  byFile: boolean,
  sources: EnvironmentSources,
): Json | undefined {
  const text = sources.env[name] ?? ''
  // Kept as a secret from the start, whether it is one or not.
  if (alternatives(node).some((one) => one.properties?.['env'] !== undefined))
    return byFile ? { file: text } : { env: name }
  const said = byFile ? sources.readFile(text)?.replace(/\r?\n$/, '') : text
  if (said === undefined) return undefined
  if (!isScalarList(node) || (isScalar(node, present) && !Array.isArray(present))) return scalar(said, node, present)
  const items = alternatives(node).find((one) => one.items !== undefined)?.items ?? {}
  const sample = sampleOf(present)
  return said
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => scalar(item, items, sample))
}

/** An item of a list whose items are all of one type. */
function sampleOf(present: unknown): unknown {
  const [first, ...rest]: readonly unknown[] = Array.isArray(present) ? present : []
  return rest.every((item) => typeof item === typeof first) ? first : undefined
}

/**
 * Of the type that is wanted there. Where several are, of the type that the file has there, else a text: `1001` equals no
 * claim that is the text `"1001"`. What is not of the type stays a text, and the schema says what is wrong.
 */
function scalar(text: string, node: SchemaNode, present: unknown): Json {
  const possible = isAnything(node) ? [typeof present] : alternatives(node).map(typeOf)
  if (possible.includes('null') && text === 'null') return null
  const kept = possible.filter((type) => type === typeof present)
  const wanted = kept.length > 0 ? kept : possible.includes('string') ? ['string'] : possible
  if (wanted.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (wanted.includes('number') && /^-?[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text)
  return text
}

/** A word of ours is no type: beside `auto` a number is a number. */
function typeOf({ type, const: only }: SchemaNode): string {
  if (only !== undefined) return typeof only === 'string' ? 'word' : typeof only
  return type === 'integer' ? 'number' : (type ?? 'string')
}

/** A copy with one place changed. What stands in the way of the path gives way. */
function put(value: unknown, [key, ...rest]: Path, leaf: Json): unknown {
  if (key === undefined) return leaf
  if (Array.isArray(value) && typeof key === 'number')
    return value.map((item: unknown, index) => (index === key ? put(item, rest, leaf) : item))
  const members = isPlainObject(value) ? value : {}
  return Object.fromEntries([...Object.entries(members), [key, put(members[key], rest, leaf)]])
}
