import type { Spot } from './faults.ts'

/** What a JSON text can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Levels of nesting. Nothing that is configured needs more, and recursion stays far from the end of the stack. */
const deepest = 64

/**
 * A copy of what JSON can say, without members that are undefined: what a caller holds is neither frozen nor changed
 * later under our feet. Anything else is a fault: a date, a function, a cycle.
 */
export function plainJson(value: unknown, spot: Spot, above: readonly unknown[] = []): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (above.length > deepest) return refuse(spot, `is nested more than ${deepest} levels deep`)
  if (above.includes(value)) return refuse(spot, 'holds itself')
  const below = [...above, value]
  if (Array.isArray(value)) return value.map((item: unknown, index) => plainJson(item, spot.at(index), below))
  if (!isPlainObject(value))
    return refuse(spot, 'must be plain data, as JSON has it: text, number, true, false, null, list or map')
  // Object.fromEntries makes `__proto__` a member like any other, and the schema then refuses it.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, plainJson(member, spot.at(key), below)]),
  )
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // An object of another realm has another Object.prototype, which has no prototype either.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function refuse(spot: Spot, message: string): null {
  spot.fault(message)
  return null
}

/** Freezes an object and all that hangs on it. A Map cannot be frozen; its values are. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Map) for (const member of value.values()) deepFreeze(member)
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
