import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { loggedError } from '../../src/observe/logged-error.ts'

const said = (error: unknown) => JSON.stringify(loggedError(error))

describe('LL-01 what the log says of an error', () => {
  test('is its name, its code and where it was made, and not its message', () => {
    let thrown: unknown
    try {
      readFileSync('/no/canary')
    } catch (error) {
      thrown = error
    }
    const { name, code, stack } = loggedError(thrown)
    assert.deepEqual([name, code], ['Error', 'ENOENT'])
    assert.match(String(stack?.[0]), /^at .*\(node:fs:\d+:\d+\)$/)
    assert.ok(stack?.some((line) => line.includes('logged-error.test.ts:')))
    assert.doesNotMatch(said(thrown), /canary/)
  })

  test('has frames for an error without a message, of Node’s own kind, and of a class', () => {
    class Odd extends TypeError {
      override readonly name = 'Odd'
    }
    const ofNode = (() => {
      try {
        return Buffer.from(7 as never)
      } catch (error) {
        return error
      }
    })()
    for (const error of [new Error(), new RangeError('canary'), ofNode])
      assert.ok((loggedError(error).stack?.length ?? 0) > 0)
    assert.equal(loggedError(new Odd('canary')).name, 'Odd')
    assert.doesNotMatch(said(new Odd('canary')), /canary/)
  })

  test('is no line of a message that looks like a frame', () => {
    const lie = 'x\n    at canary (/canary.ts:1:1)\n    at /canary.ts:1:1\nErr: y'
    const changed = new Error(lie)
    changed.message = ''
    const other = new Error(lie)
    other.message = 'x'
    const renamed = new Error(lie)
    renamed.name = 'Renamed'
    for (const error of [new Error(lie), changed, other, renamed, Object.assign(new Error('a'), { stack: lie })])
      assert.doesNotMatch(said(error), /canary/)
  })

  test('holds no message, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), (message) => {
        assert.ok(!said(new Error(message)).includes(JSON.stringify(message).slice(1, -1)))
      }),
    )
  })

  test('is the type of what is no error, and ends somewhere', () => {
    assert.deepEqual(loggedError('canary'), { name: 'string' })
    const deep = (depth: number): Error => (depth === 0 ? new Error('canary') : deep(depth - 1))
    assert.ok((loggedError(deep(50)).stack?.length ?? 0) <= 12)
  })
})
