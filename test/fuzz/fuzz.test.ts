import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { corpora, corpusOf, inputsOf } from './target.ts'
import { targets } from './targets.ts'

/* A bounded run of every target; the long one is `npm run fuzz`. FUZZ_SEED=N goes through the same inputs again. */

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2_147_483_647)

test('every target has seeds, each with its purpose, and no other file lies there', () => {
  assert.deepEqual(new Set(corpora()), new Set(targets.map(({ name }) => name)))
  for (const { name } of targets) {
    const corpus = corpusOf(name)
    assert.ok(corpus.length > 0)
    for (const { purpose } of corpus) assert.ok(purpose.length > 2, name)
  }
})

for (const target of targets) {
  describe(`${target.name} (FUZZ_SEED=${seed})`, () => {
    test('every seed and every counterexample of the past', async () => {
      for (const { purpose, input } of corpusOf(target.name)) {
        try {
          await target.check(input)
        } catch (error) {
          throw new Error(`${purpose}: ${JSON.stringify(input)}`, { cause: error })
        }
      }
    })

    test(target.promise, async () => {
      await fc.assert(
        fc.asyncProperty(inputsOf(target), async (input) => target.check(input)),
        { numRuns: target.runs, seed },
      )
    })
  })
}
