import type { ClaimPlace } from '../config/upstream.ts'
import type { ClaimValue } from '../token/claims.ts'
import { valueAt } from './json.ts'
import { asClaim } from './value.ts'

/** `unusable`: something stands there, and no claim can be made of it. */
export type TakenClaim =
  | { readonly state: 'taken'; readonly value: ClaimValue }
  | { readonly state: 'missing' | 'unusable'; readonly fault: string }

/** What a claim is, of what was found at its place. */
export function takeClaim(found: unknown, { each, split }: Pick<ClaimPlace, 'each' | 'split'>): TakenClaim {
  if (found === undefined || found === null) return { state: 'missing', fault: 'is missing' }
  return each === undefined ? scalars(divided(found, split)) : ofMembers(found, each)
}

function scalars(found: unknown): TakenClaim {
  const value = asClaim(found)
  return value === undefined
    ? { state: 'unusable', fault: 'is neither a scalar nor a list of scalars' }
    : { state: 'taken', value }
}

function ofMembers(found: unknown, each: readonly string[]): TakenClaim {
  if (!Array.isArray(found)) return { state: 'unusable', fault: 'is no list' }
  const values = found.map((member) => valueAt(member, each)).filter((value) => value !== undefined && value !== null)
  // A slip in the pointer would be an empty list for everybody.
  return values.length === 0 && found.length > 0
    ? { state: 'unusable', fault: 'is a list, and no member has a value there' }
    : scalars(values)
}

/** A service may give one text where there is one value and a list where there are more. */
function divided(found: unknown, separator: string | undefined): unknown {
  if (separator === undefined || typeof found !== 'string') return found
  return found
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
