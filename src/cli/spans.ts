const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** Seconds in words, with two units at most: `2 h 5 min`. */
export function spanWords(seconds: number): string {
  let rest = Math.floor(Math.abs(seconds))
  const parts = units.flatMap(([name, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count === 0 ? [] : [`${count} ${name}`]
  })
  return parts.slice(0, 2).join(' ') || '0 s'
}

/** A time and how far it is away. @param at milliseconds since the epoch */
export function timeWords(at: number, now: number): string {
  const away = spanWords((at - now) / 1000)
  return `${new Date(at).toISOString()} (${at > now ? `in ${away}` : `${away} ago`})`
}
