import { Secret } from '../base/secret.ts'
import type { ClaimPlace, Expiry, GrantPlaces, Place, Presentation } from '../config/upstream.ts'
import { registeredNames } from '../base/claim-names.ts'
import type { ClaimValue, ProfileClaims } from '../token/claims.ts'
import type { UpstreamGrant } from '../token/seal.ts'
import { takeClaim } from './claim.ts'
import { expiryPlace, readExpiry } from './expiry.ts'
import { find, type Source } from './place.ts'
import { isPresentable } from './present.ts'
import { asSubject, asToken, asValue, type Taken } from './value.ts'
import { describeClaimPlace, describePlace, mask, type CallName, type TraceEvent, type TraceSink } from './trace.ts'

/** Takes values out of one answer and tells the trace of each. Nothing is taken that has no configured place. */
export interface Taking {
  /** @param previous of a refresh: what is not in the answer stays as it was */
  grant(places: GrantPlaces, presentation: Presentation, previous?: UpstreamGrant): TakenGrant
  subject(place: Place, token: string): Taken
  claims(places: ReadonlyMap<string, ClaimPlace>, token: string): ProfileClaims
  /** Every one has to be there. */
  carry(places: ReadonlyMap<string, Place>): TakenValues
  expiry(expiry: Expiry, token: string): number | undefined
}

type TakenGrant = { readonly ok: true; readonly grant: UpstreamGrant } | { readonly ok: false; readonly fault: string }
type TakenValues =
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly fault: string }

/** Members that are something else than data on some object or other (security.md TM-06). */
const poisonous: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

export function createTaking(name: CallName, from: Omit<Source, 'token'>, trace: TraceSink): Taking {
  type Extraction = Extract<TraceEvent, { type: 'extraction' }>
  const tell = (
    what: Extraction['what'],
    key: string | undefined,
    where: string,
    value: unknown,
    note: string | undefined,
    unusable = false,
  ) =>
    trace({
      type: 'extraction',
      call: name,
      what,
      name: key,
      where,
      found: value !== undefined,
      masked:
        value === undefined || what === 'expiry'
          ? undefined
          : mask(typeof value === 'string' ? value : JSON.stringify(value)),
      note,
      ...(unusable ? { unusable } : {}),
    })
  const take = (
    what: Extraction['what'],
    key: string | undefined,
    place: Place,
    token: string | undefined,
    as: (value: unknown) => Taken,
  ): Taken => {
    const taken = as(find(place, { ...from, token }))
    tell(what, key, describePlace(place), taken.ok ? taken.value : undefined, taken.ok ? undefined : taken.fault)
    return taken
  }

  function expiry(config: Expiry, token: string): number | undefined {
    const { expiresAt, note } = readExpiry(config, { ...from, token })
    const place = expiryPlace(config)
    tell('expiry', undefined, place === undefined ? config.from : describePlace(place), expiresAt, note)
    return expiresAt
  }

  return {
    grant(places, presentation, previous) {
      const token = take('token', undefined, places.token, undefined, asToken)
      if (!token.ok) return { ok: false, fault: `The token ${token.fault}.` }
      if (!isPresentable(presentation, token.value)) {
        return { ok: false, fault: 'The token has characters that it cannot be presented with.' }
      }
      const refresh =
        places.refreshToken === undefined
          ? undefined
          : take('refreshToken', undefined, places.refreshToken, token.value, asToken)
      const values = [...places.values].flatMap(([key, place]) => {
        const value = take('value', key, place, token.value, asValue)
        return value.ok ? [[key, value.value] as const] : []
      })
      const grant = {
        token: new Secret(token.value),
        refreshToken: refresh?.ok === true ? new Secret(refresh.value) : previous?.refreshToken,
        expiresAt: expiry(places.expiry, token.value),
        values: { ...previous?.values, ...Object.fromEntries(values) },
      }
      return { ok: true, grant }
    },

    subject: (place, token) => take('subject', undefined, place, token, asSubject),

    claims(places, token) {
      const claims: [string, ClaimValue][] = []
      for (const [key, place] of places) {
        if (poisonous.has(key) || registeredNames.has(key)) continue
        const taken = takeClaim(find(place, { ...from, token }), place)
        const where = describeClaimPlace(place)
        if (taken.state === 'taken') {
          tell('claim', key, where, taken.value, undefined)
          claims.push([key, taken.value])
        } else tell('claim', key, where, undefined, taken.fault, taken.state === 'unusable')
      }
      return Object.fromEntries(claims)
    },

    carry(places) {
      const values: [string, string][] = []
      for (const [key, place] of places) {
        const value = take('carry', key, place, undefined, asValue)
        if (!value.ok) return { ok: false, fault: `What is carried as ${key} ${value.fault}.` }
        values.push([key, value.value])
      }
      return { ok: true, values: Object.fromEntries(values) }
    },

    expiry,
  }
}
