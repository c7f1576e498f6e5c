/** Series that one table holds at most. */
export const mostSeries = 1_000

/** What stands in place of every value once a table is full. */
export const others = 'other'

const separator = '\n'

/**
 * Numbers by the values of up to three labels. With two, a look-up makes neither object nor string, so it may stand on the
 * way of a request. Values are to come from closed lists; where a fault lets others in, their number is bounded all the
 * same, and what comes beyond is counted together.
 */
export class Series<T> {
  readonly labels: readonly string[]
  readonly #make: () => T
  readonly #rows = new Map<string, Map<string, T>>()
  #size = 0

  constructor(labels: readonly string[], make: () => T) {
    this.labels = labels
    this.#make = make
  }

  /** @param values one for each label, in their order */
  of(first: string, second = '', third?: string): T {
    const key = third === undefined ? second : `${second}${separator}${third}`
    const known = this.#rows.get(first)?.get(key)
    if (known !== undefined) return known
    if (this.#size >= mostSeries && first !== others) return this.of(others, others, third && others)
    const row = this.#rows.get(first) ?? new Map<string, T>()
    const made = this.#make()
    this.#rows.set(first, row.set(key, made))
    this.#size += 1
    return made
  }

  *entries(): Iterable<readonly [Readonly<Record<string, string>>, T]> {
    for (const [first, row] of this.#rows)
      for (const [key, value] of row) {
        const values = [first, ...key.split(separator)]
        yield [Object.fromEntries(this.labels.map((label, index) => [label, values[index] ?? ''])), value]
      }
  }
}
