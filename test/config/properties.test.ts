import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Check } from 'typebox/schema'
import { fits } from '../../src/config/fits.ts'
import { isPlainObject } from '../../src/config/json.ts'
import { OptionsSchema } from '../../src/config/options.ts'
import { parse } from '../../src/config/parse.ts'
import { full, fullSecrets, minimal, noSecrets } from './samples.ts'

type Path = readonly (string | number)[]

function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  yield path
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* pathsOf(item, [...path, index])
  else if (isPlainObject(value))
    for (const [key, member] of Object.entries(value)) yield* pathsOf(member, [...path, key])
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === key ? replaced(item, rest, by) : item))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, name === key ? replaced(member, rest, by) : member]),
  )
}

const paths = [...pathsOf(full)]
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    '',
    '/',
    '{username}',
    '{nobody}',
    'https://a',
    'http://a.example.com',
    '0s',
    '9999d',
    '5/1m',
    '__proto__',
    'cookie',
  ),
  fc.dictionary(
    fc.constantFrom('json', 'jwt', 'cookie', 'status', 'path', '__proto__', 'as', 'file', 'env'),
    fc.jsonValue(),
  ),
)

test('parse never throws on any JSON', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void parse(value, noSecrets)))
})

test('parse never throws on any value whatever', () => {
  fc.assert(fc.property(fc.anything(), (value) => void parse({ ...minimal, keys: value, upstreams: value }, noSecrets)))
})

test('parse never throws on a configuration with anything put anywhere, and says what is wrong or gives a configuration', () => {
  fc.assert(
    fc.property(fc.constantFrom(...paths), anything, (path, by) => {
      const value = replaced(full, path, by)
      const result = parse(value, fullSecrets)
      if (result.ok) assert.ok(Check(OptionsSchema, JSON.parse(JSON.stringify(value))))
      else
        assert.ok(result.faults.length > 0 && result.faults.every(({ message }) => !message.startsWith('does not fit')))
    }),
    { numRuns: 500 },
  )
})

test('a value fits the schema if and only if a library of JSON Schema says so', () => {
  let fitting = 0
  const agree = (value: unknown) => {
    const verdict = fits(OptionsSchema, value)
    if (verdict) fitting += 1
    assert.equal(verdict, Check(OptionsSchema, value), JSON.stringify(value))
  }
  fc.assert(
    fc.property(fc.constantFrom(...paths), anything, (path, by) => agree(replaced(full, path, by))),
    { numRuns: 2_000 },
  )
  for (const path of paths)
    for (const by of [null, true, 0, -1, 1.5, 65_536, '', ' ', 'a', '/a', '5m', [], [''], {}, { a: 'b' }, { '': '' }])
      agree(replaced(full, path, by))
  assert.ok(fitting > 500, 'both verdicts were seen')
})

test('parse survives a value of any depth', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
  assert.equal(parse({ ...minimal, log: deep }, noSecrets).ok, false)
})
