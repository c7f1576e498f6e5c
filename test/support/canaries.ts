import { randomBytes } from 'node:crypto'

/*
 * Whatever is secret in a test run is named here, so that what the gateway says can be looked through for all of it
 * (security.md LL-01). Nothing here knows who speaks; see `sweep.ts`.
 */

/** By value: what it is. */
const secrets = new Map<string, string>()

/** Characters. A shorter text stands by chance in what is no secret. */
const shortest = 8

/** Characters of a long secret that are looked for: a leak of a part is a leak. */
const piece = 32

/** Remembers a secret and gives it back. One that is too short to be recognised is left out. */
export function secret<T extends string>(value: T, what: string): T {
  if (value.length >= shortest) secrets.set(value, what)
  return value
}

/** A new one that nothing else is like. */
export function mintSecret(what: string): string {
  return secret(`canary-${randomBytes(24).toString('base64url')}`, what)
}

/** The secret members of a private JWK, or of a file of one. */
export function secretKey(jwk: object | string, what = 'a private key'): void {
  const members: object = typeof jwk === 'string' ? (JSON.parse(jwk) as object) : jwk
  for (const [name, value] of Object.entries(members))
    if (['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name) && typeof value === 'string') secret(value, what)
}

export interface Leak {
  readonly what: string
  readonly spelling: string
  /** What stands around it, without the secret. */
  readonly around: string
}

/** Every secret that stands in a text, in whatever spelling. */
export function leaksIn(text: string): readonly Leak[] {
  const found: Leak[] = []
  for (const [value, what] of secrets) {
    for (const [needle, spelling] of needlesOf(value)) {
      const at = text.indexOf(needle)
      if (at === -1) continue
      const around = `${text.slice(Math.max(0, at - 160), at)}[…]${text.slice(at + needle.length, at + needle.length + 80)}`
      found.push({ what, spelling, around })
      break
    }
  }
  return found
}

const needles = new Map<string, ReadonlyMap<string, string>>()

function needlesOf(value: string): ReadonlyMap<string, string> {
  const known = needles.get(value)
  if (known !== undefined) return known
  const made = new Map(partsOf(value).flatMap((part) => [...spellingsOf(part)]))
  needles.set(value, made)
  return made
}

/** The middle and the end of a long one: its beginning is a header, and the same in many. */
function partsOf(value: string): readonly string[] {
  if (value.length <= 2 * piece) return [value]
  const middle = Math.floor((value.length - piece) / 2)
  return [value.slice(middle, middle + piece), value.slice(-piece)]
}

/** How a value may be written. */
function spellingsOf(value: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(value)
  const hex = bytes.toString('hex')
  const percent = hex.replaceAll(/../g, '%$&')
  return new Map([
    ...[0, 1, 2].flatMap((shift): (readonly [string, string])[] => {
      // In the middle of a longer text, its first and last characters depend on the neighbours.
      const padded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64url')
      const sure = padded.slice([0, 2, 3][shift], Math.floor(((bytes.length + shift) * 4) / 3))
      return [
        [sure, 'base64url'],
        [sure.replaceAll('-', '+').replaceAll('_', '/'), 'base64'],
      ]
    }),
    [hex, 'hex'],
    [hex.toUpperCase(), 'hex'],
    [percent, 'percent-encoded'],
    [percent.toUpperCase(), 'percent-encoded'],
    [encodeURIComponent(value), 'percent-encoded'],
    [new URLSearchParams({ '': value }).toString().slice(1), 'form-encoded'],
    [JSON.stringify(value).slice(1, -1), 'as JSON'],
    [bytes.toString('latin1'), 'as bytes'],
    [value, 'as it is'],
  ])
}
