import { registeredNames } from '../base/claim-names.ts'
import { duration, second } from './duration.ts'
import { listed, type Spot } from './faults.ts'
import { nearest } from './nearest.ts'
import type { ClaimPlaceOptions, PlaceOptions } from './schema.ts'
import type { ExpiryOptions } from './upstream-parts.ts'
import type { ClaimPlace, Expiry, Place, TimeUnit } from './upstream.ts'

/** What a place may point into where it stands. */
export interface Reach {
  /** Fields that a person typed and that are no passwords; undefined: nothing was typed at this point. */
  readonly typed?: ReadonlySet<string>
  /** Whether the token is at hand. */
  readonly token: boolean
}

/** A JSON Pointer (RFC 6901 section 3) as its segments. */
export function parsePointer(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export function parsePlace(spot: Spot, place: PlaceOptions, reach: Reach): Place {
  if ('json' in place) return { from: 'json', segments: parsePointer(place.json) }
  if ('jwt' in place) {
    if (!reach.token) spot.at('jwt').fault('there is no token to look into at this point; give a place in the answer')
    return { from: 'jwt', segments: parsePointer(place.jwt) }
  }
  if ('field' in place) return typedField(spot.at('field'), place.field, reach)
  if ('header' in place) return { from: 'header', name: place.header.toLowerCase(), scheme: place.scheme }
  if ('cookie' in place) return { from: 'cookie', name: place.cookie, decode: place.decode ?? false }
  if ('cookies' in place) return { from: 'cookies', names: [...new Set(place.cookies)] }
  return { from: 'text' }
}

function typedField(spot: Spot, name: string, { typed }: Reach): Place {
  if (typed === undefined) spot.fault('nothing is typed at this point; give a place in the answer')
  else if (!typed.has(name)) {
    const meant = nearest(name, typed)
    spot.fault(
      `names none of the fields that may be read here, which are ${listed(typed)}${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`,
    )
  }
  return { from: 'field', name }
}

export function parsePlaces(
  spot: Spot,
  places: Readonly<Record<string, PlaceOptions>> | undefined,
  reach: Reach,
): ReadonlyMap<string, Place> {
  return new Map(Object.entries(places ?? {}).map(([name, place]) => [name, parsePlace(spot.at(name), place, reach)]))
}

/** An allow-list: what is not named here never reaches a token, and what we say ourselves cannot be named (TM-06). */
export function parseClaims(
  spot: Spot,
  claims: Readonly<Record<string, ClaimPlaceOptions>> | undefined,
  reach: Reach,
): ReadonlyMap<string, ClaimPlace> {
  for (const name of Object.keys(claims ?? {})) checkClaimName(spot.at(name), name)
  return new Map(
    Object.entries(claims ?? {}).map(([name, place]) => [name, parseClaimPlace(spot.at(name), place, reach)]),
  )
}

function parseClaimPlace(spot: Spot, options: ClaimPlaceOptions, reach: Reach): ClaimPlace {
  const each = 'each' in options ? options.each : undefined
  const split = 'split' in options ? options.split : undefined
  if (each !== undefined && split !== undefined)
    spot.fault('`each` is for a list and `split` for one text; keep one of them')
  return {
    ...parsePlace(spot, options, reach),
    ...(each === undefined ? {} : { each: parsePointer(each) }),
    ...(split === undefined ? {} : { split }),
  }
}

/** Also keeps out what every JavaScript object has by itself. */
export function checkClaimName(spot: Spot, name: string): void {
  if (registeredNames.has(name)) spot.fault('this claim is said by the gateway itself; choose another name')
  else if (name in {}) spot.fault('this name means something else to JavaScript; choose another one')
}

/** Undefined options: nothing tells. */
export function parseExpiry(spot: Spot, expiry: ExpiryOptions | undefined): Expiry {
  if (expiry === undefined) return { from: 'unknown' }
  if (expiry === 'never') return { from: 'never' }
  if ('lifetime' in expiry)
    return { from: 'fixed', lifetime: duration(spot.at('lifetime'), expiry.lifetime, { least: second }) }
  if ('cookieAge' in expiry) return { from: 'cookie-age', name: expiry.cookieAge }
  const { json, jwt, header, base } = expiry
  const unit = expiry.unit ?? (jwt === undefined ? 'seconds' : 'epoch')
  if ([json, jwt, header].filter((one) => one !== undefined).length !== 1)
    spot.fault('must have exactly one of `json`, `jwt` and `header`')
  if (base !== undefined && !isLifetime(unit))
    spot.at('base').fault('only a lifetime counts from a base; make `unit` seconds or milliseconds, or take `base` out')
  return {
    from: 'place',
    place: expiryPlace({ json, jwt, header }),
    unit,
    base: base === undefined ? undefined : { place: expiryPlace(base), unit: base.unit ?? 'epoch' },
  }
}

function isLifetime(unit: TimeUnit): boolean {
  return unit === 'seconds' || unit === 'milliseconds'
}

function expiryPlace(place: {
  json?: string | undefined
  jwt?: string | undefined
  header?: string | undefined
}): Place {
  if (place.jwt !== undefined) return { from: 'jwt', segments: parsePointer(place.jwt) }
  if (place.header !== undefined) return { from: 'header', name: place.header.toLowerCase(), scheme: undefined }
  return { from: 'json', segments: parsePointer(place.json ?? '') }
}
