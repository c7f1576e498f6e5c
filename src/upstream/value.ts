import type { ClaimValue } from '../token/claims.ts'

/** Bytes of a token or of another value that is sealed. */
const longestToken = 65_536

/** UTF-16 units of a subject. */
const longestSubject = 255

export type Taken = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly fault: string }

/** A token: a string with something in it, and no more than a session could ever carry. */
export function asToken(value: unknown): Taken {
  if (value === undefined) return { ok: false, fault: 'is missing' }
  if (typeof value !== 'string') return { ok: false, fault: 'is not a string' }
  if (value.trim() === '') return { ok: false, fault: 'is empty' }
  if (Buffer.byteLength(value) > longestToken) return { ok: false, fault: `is longer than ${longestToken} bytes` }
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) return { ok: false, fault: 'has characters that no token has' }
  return { ok: true, value }
}

/** The id of a person: a string, or a whole number taken as text. */
export function asSubject(value: unknown): Taken {
  const text = wholeNumber(value) ?? value
  if (text === undefined || text === null) return { ok: false, fault: 'is missing' }
  if (typeof text !== 'string') return { ok: false, fault: 'is neither a string nor a whole number' }
  if (text.trim() === '') return { ok: false, fault: 'is empty' }
  if (text.length > longestSubject) return { ok: false, fault: `is longer than ${longestSubject} characters` }
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) return { ok: false, fault: 'has control characters' }
  return { ok: true, value: text }
}

/** A value for later requests: like a token, but numbers and booleans are taken as text. */
export function asValue(value: unknown): Taken {
  return asToken(
    typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : value,
  )
}

/** A scalar or a list of scalars; undefined for everything else, which is skipped. */
export function asClaim(value: unknown): ClaimValue | undefined {
  if (!Array.isArray(value)) return scalar(value)
  const scalars = value.map(scalar)
  return scalars.every((one) => one !== undefined) ? scalars : undefined
}

function scalar(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return isExact(value) ? value : undefined
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined
}

/** A larger one was rounded by whoever read it: two people would have the same. */
function isExact(value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
}

function wholeNumber(value: unknown): string | undefined {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
    ? String(value)
    : undefined
}
