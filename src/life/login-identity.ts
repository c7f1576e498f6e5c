import { isIPv4, isIPv6 } from 'node:net'

/** Marks, controls and what is not seen: databases give them no weight when they compare names. */
const passedOver = /[\p{M}\p{Cc}\p{Default_Ignorable_Code_Point}]/gu

/** Letters that NFKD keeps, and that one collation or another takes for these (Unicode Technical Standard 10). */
const takenFor: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  þ: 'th',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ı: 'i',
  ς: 'σ',
}

const toldApart = /[ßæœþøłđðħıς]/gu

/** One text for a name, however it is written: compatibility forms, accents, case and outer spaces folded. */
export function foldedName(typed: string): string {
  return typed
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(passedOver, '')
    .replaceAll(toldApart, (letter) => takenFor[letter] ?? letter)
    .trim()
}

/**
 * One text per account (security.md LG-02): folded, and without the domain before a backslash or behind an `@`, because a
 * service that takes one often takes the name alone too. For counting attempts only; the service gets what was typed.
 */
export function canonicalAccount(typed: string): string {
  const folded = foldedName(typed)
  const name = folded.slice(folded.lastIndexOf('\\') + 1)
  const at = name.indexOf('@')
  return at > 0 ? name.slice(0, at) : name
}

/** One text per client: IPv4 as it is, IPv4 mapped into IPv6 as IPv4, and of IPv6 the /64 (security.md LG-03). */
export function canonicalAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  if (isIPv4(address)) return address
  const bare = address.split('%', 1)[0] ?? address
  if (!isIPv6(bare)) return 'unknown'
  const groups = ipv6Groups(bare)
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (mapped) {
    const [high = 0, low = 0] = groups.slice(6)
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

function ipv6Groups(address: string): readonly number[] {
  // The URL parser writes a trailing IPv4 part as two groups.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const numbers = (text: string | undefined) =>
    text === undefined || text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const left = numbers(head)
  const right = numbers(tail)
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
}
