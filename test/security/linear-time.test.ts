import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { describe, test } from 'node:test'
import { isSafePattern } from 'redos-detector'
import { OptionsSchema } from '../../src/config/options.ts'
import { findExpressions } from './expressions.ts'

/*
 * The attack: a text over which a regular expression goes back again and again, so that a few kilobytes of it hold up
 * everyone for seconds. Here every expression there is has a bound on the ways in which it can read a text, however long
 * that is; one that begins to look anywhere may not repeat without end.
 */

/** Ways to read one text. */
const mostWays = 32

function waysOf(pattern: string, flags: string): string {
  const { error, score } = isSafePattern(pattern, {
    caseInsensitive: flags.includes('i'),
    multiLine: flags.includes('m'),
    dotAll: flags.includes('s'),
    unicode: flags.includes('u'),
    maxScore: mostWays,
    maxSteps: 4000,
  })
  return error === null && !score.infinite ? 'bounded' : 'unbounded'
}

describe('DS-06 every regular expression', () => {
  const { literals, made } = findExpressions()

  test('of the sources is read in one way, or a few, however long the text is', () => {
    assert.ok(new Set(literals.map(({ where }) => where.split(':')[0])).size > 40)
    const texts = Map.groupBy(literals, ({ text }) => text)
    const slow = [...texts].filter(([text]) => {
      const end = text.lastIndexOf('/')
      return waysOf(text.slice(1, end), text.slice(end + 1)) !== 'bounded'
    })
    assert.deepEqual(
      slow.map(([text, [first]]) => `${first?.where} ${text}`),
      [],
    )
  })

  test('is written down, but for those of the schema, which no configuration can change', () => {
    assert.deepEqual(
      made.map((where) => where.split(':')[0]),
      ['src/config/schema-node.ts'],
    )
  })

  test('of the schema is read in one way, or a few', () => {
    const patterns = new Set<string>()
    JSON.stringify(OptionsSchema, (key, value: unknown) => {
      if (key === 'pattern') patterns.add(String(value))
      if (key === 'patternProperties') for (const one of Object.keys(value as object)) patterns.add(one)
      return value
    })
    assert.ok(patterns.size > 10)
    assert.deepEqual(
      [...patterns].filter((pattern) => waysOf(pattern, 'u') !== 'bounded'),
      [],
    )
  })

  test('is found where one is, and one that is slow is seen to be', () => {
    const files = globSync('**/*.ts', { cwd: new URL('../../src/', import.meta.url) })
    assert.ok(files.length > 200)
    for (const slow of ['^(a+)+$', '^a*a*$', '\\s+$', ':[0-9]+$']) assert.equal(waysOf(slow, ''), 'unbounded', slow)
    for (const quick of ['^[a-z]+$', '^a*b*$', '^(?:a|b)*$']) assert.equal(waysOf(quick, ''), 'bounded', quick)
  })
})
