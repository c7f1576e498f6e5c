export interface Spread {
  readonly least: number
  readonly lower: number
  readonly median: number
  readonly upper: number
  readonly most: number
}

/** Median, quartiles and range. */
export function spread(values: readonly number[]): Spread {
  const ordered = values.toSorted((a, b) => a - b)
  const at = (share: number): number => {
    const position = share * (ordered.length - 1)
    const below = ordered[Math.floor(position)] ?? NaN
    const above = ordered[Math.ceil(position)] ?? NaN
    return below + (above - below) * (position - Math.floor(position))
  }
  return { least: at(0), lower: at(0.25), median: at(0.5), upper: at(0.75), most: at(1) }
}
