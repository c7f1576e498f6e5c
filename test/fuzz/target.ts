import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'

/*
 * One input is one text, whatever it is for: so a seed is a line in a file, a counterexample is one more, and every
 * target has the same mutations beside its own grammar.
 */

export interface Target {
  readonly name: string
  /** What holds for every input, in one sentence. */
  readonly promise: string
  /** Inputs that are almost right. */
  readonly grammar: fc.Arbitrary<string>
  /** What mutations put in. */
  readonly words: readonly string[]
  /** Runs in the test command. */
  readonly runs: number
  /** Throws, or rejects, where the promise is broken. */
  check(input: string): void | Promise<void>
}

const folder = resolve(import.meta.dirname, 'corpus')

export const corpusFile = (name: string): string => join(folder, `${name}.txt`)
export const corpora = (): readonly string[] => readdirSync(folder).map((file) => file.replace(/\.txt$/, ''))

export interface Seed {
  readonly purpose: string
  readonly input: string
}

/** Seeds and past counterexamples: a line `# why`, and below it the input as a JSON text. */
export function corpusOf(name: string): readonly Seed[] {
  let purpose = ''
  return readFileSync(corpusFile(name), 'utf8')
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('# ')) purpose = line.slice(2)
      return line.startsWith('"') ? [{ purpose, input: JSON.parse(line) as string }] : []
    })
}

interface Change {
  readonly at: number
  readonly take: number
  readonly put: string
}

function changed(text: string, { at, take, put }: Change): string {
  const start = at % (text.length + 1)
  return text.slice(0, start) + put + text.slice(start + take)
}

/** The grammar, and seeds with changes: something put in, taken out, repeated, or two of them spliced. */
export function inputsOf({ name, grammar, words }: Target): fc.Arbitrary<string> {
  const seeds = corpusOf(name).map(({ input }) => input)
  const seed = fc.constantFrom(...seeds)
  const put = fc.oneof(
    fc.constantFrom('', ...words),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    fc
      .tuple(seed, fc.nat(), fc.nat({ max: 40 }))
      .map(([one, at, length]) => one.substring(at % (one.length + 1)).slice(0, length)),
  )
  const change = fc.record({
    at: fc.nat(),
    take: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 3 }), fc.nat({ max: 60 })),
    put,
  })
  const base = fc.oneof(
    { weight: 4, arbitrary: seed },
    { weight: 2, arbitrary: grammar },
    {
      weight: 1,
      arbitrary: fc
        .tuple(seed, seed, fc.nat(), fc.nat())
        .map(([one, other, a, b]) => one.slice(0, a % (one.length + 1)) + other.slice(b % (other.length + 1))),
    },
  )
  const mutated = fc
    .tuple(base, fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([text, changes]) => changes.reduce(changed, text))
  return fc.oneof({ weight: 2, arbitrary: grammar }, { weight: 3, arbitrary: mutated })
}
