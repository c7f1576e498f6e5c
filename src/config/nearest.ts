/** Longer names are no slips of the finger, and comparing them takes time. */
const longest = 96

/** The one of `known` that was probably meant: another spelling of it, or a slip or two away from it. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > longest) return undefined
  let best: string | undefined
  let least = Math.min(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = fold(candidate) === fold(name) ? 0 : slips(fold(name), fold(candidate))
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** `token_ttl`, `token-ttl` and `TokenTTL` are meant to be `tokenTtl`. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

/** Characters to add, take away, change or swap with their neighbour (optimal string alignment distance). */
function slips(one: string, other: string): number {
  let before: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1]
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Infinity,
      )
    }
    ;[before, last] = [last, current]
  }
  return last[other.length] ?? 0
}
