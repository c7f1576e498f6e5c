import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPlainObject } from '../../src/config/json.ts'
import { OptionsSchema } from '../../src/config/options.ts'
import { alternatives, mapOf, type SchemaNode } from '../../src/config/schema-node.ts'
import { configOf, full, fullSecrets } from './samples.ts'

type Key = string | number

/** Every place of the full sample that is filled in and for which the schema names a default. */
function* defaultsIn(
  node: SchemaNode,
  value: unknown,
  path: readonly Key[] = [],
): Generator<readonly [SchemaNode, readonly Key[]]> {
  for (const one of alternatives(node)) {
    const below = mapOf(one)?.value
    if (below !== undefined && isPlainObject(value)) {
      for (const [key, member] of Object.entries(value)) yield* defaultsIn(below, member, [...path, key])
    }
    if (one.items !== undefined && Array.isArray(value)) {
      for (const [index, item] of value.entries()) yield* defaultsIn(one.items, item, [...path, index])
    }
    if (!isPlainObject(value)) continue
    for (const [key, property] of Object.entries(one.properties ?? {})) {
      if (value[key] === undefined) continue
      if (property.default !== undefined) yield [property, [...path, key]]
      yield* defaultsIn(property, value[key], [...path, key])
    }
  }
}

/** Every default that the schema names anywhere. */
function allDefaults(node: SchemaNode): readonly string[] {
  const below = [
    ...alternatives(node).filter((one) => one !== node),
    ...Object.values(node.properties ?? {}),
    mapOf(node)?.value,
    node.items,
  ]
  return [
    ...(node.default === undefined ? [] : [JSON.stringify(node)]),
    ...below.flatMap((one) => (one === undefined ? [] : allDefaults(one))),
  ]
}

/** A copy of the full sample with one place changed, or taken away. */
function changed(path: readonly Key[], value: unknown): unknown {
  const copy: unknown = structuredClone(full)
  let parent = copy as Record<Key, unknown>
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<Key, unknown>
  const last = path.at(-1) ?? ''
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

const found = [...defaultsIn(OptionsSchema, full)]

for (const [node, path] of found) {
  test(`without ${path.join('.')} it is ${JSON.stringify(node.default)}, as the schema says`, () => {
    assert.deepEqual(
      configOf(changed(path, undefined), fullSecrets),
      configOf(changed(path, node.default), fullSecrets),
    )
  })
}

test('no default of the schema is left out above', () => {
  const seen = new Set(found.map(([node]) => JSON.stringify(node)))
  assert.deepEqual(
    allDefaults(OptionsSchema).filter((one) => !seen.has(one)),
    [],
  )
})
