/** `value` is undefined where the text is not JSON. JSON itself has no undefined. */
export interface ParsedJson {
  readonly value: unknown
}

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown

/**
 * A whole number beyond 2^53 becomes a bigint: rounded, the ids of two people would be one. Members called `__proto__`
 * are plain members of their own, so nothing that a service sends changes what an object is.
 */
export function parseJson(text: string): ParsedJson {
  try {
    const value: unknown = /\d{16}/.test(text)
      ? JSON.parse(text, exactly as (key: string, value: unknown) => unknown)
      : JSON.parse(text)
    return { value }
  } catch {
    return { value: undefined }
  }
}

const exactly: Reviver = (_key, value, context) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
    ? BigInt(context?.source ?? 0)
    : value

/**
 * The value at a JSON Pointer (RFC 6901), or undefined. Own members only: `/constructor/name` finds nothing in `{}`.
 *
 * @param segments unescaped, in order; none = the whole document
 */
export function valueAt(document: unknown, segments: readonly string[]): unknown {
  let value = document
  for (const segment of segments) {
    if (typeof value !== 'object' || value === null) return undefined
    // An index has no leading zero, and `-` names an element that is not there (RFC 6901 section 4).
    if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(segment)) return undefined
    if (!Object.hasOwn(value, segment)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[segment]
  }
  return value
}
