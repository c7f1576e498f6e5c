/** Characters of `Accept-Language` that are looked at. No browser sends a quarter of it. */
const longest = 1024

/**
 * The language to answer in: the first of those that are asked for, in the order of their weights, for which there is
 * one (RFC 9110 section 12.5.4; the lookup of RFC 4647 section 3.4: `de-CH` is content with `de`). One with the weight 0
 * is not wanted.
 *
 * @param available tags in their usual spelling
 */
export function languageFor(header: string | undefined, available: readonly string[], fallback: string): string {
  if (header === undefined || header.length > longest) return fallback
  const spellings = new Map(available.map((tag) => [tag.toLowerCase(), tag]))
  for (const range of rangesOf(header)) {
    // `*` says nothing about which (RFC 4647 section 3.4).
    for (let tag = range; tag !== '' && tag !== '*'; tag = shortened(tag)) {
      const found = spellings.get(tag)
      if (found !== undefined) return found
    }
  }
  return fallback
}

const rangePattern = /^(?:[a-z]{1,8}(?:-[a-z0-9]{1,8}){0,8}|\*)$/
const weightPattern = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/** Lower case, the most wanted first; those of one weight as they were sent. */
function rangesOf(header: string): readonly string[] {
  const ranges = header
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [range = '', parameter, ...more] = part.split(';').map((one) => one.trim())
      const weight = parameter === undefined ? '1' : weightPattern.exec(parameter)?.[1]
      return more.length > 0 || weight === undefined || !rangePattern.test(range)
        ? []
        : [{ range, weight: Number(weight) }]
    })
  return ranges
    .filter(({ weight }) => weight > 0)
    .toSorted((one, other) => other.weight - one.weight)
    .map(({ range }) => range)
}

/** Without its last subtag, and without a single letter that then stands at the end. */
function shortened(tag: string): string {
  const rest = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))
  return /(^|-)[a-z0-9]$/.test(rest) ? rest.slice(0, Math.max(0, rest.lastIndexOf('-'))) : rest
}
