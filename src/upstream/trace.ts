import type { ClaimPlace, Place } from '../config/upstream.ts'
import { pointerOf } from './condition.ts'
import type { Failed } from './upstream.ts'

export type CallName = 'login' | 'secondStep' | 'profile' | 'check' | 'refresh' | 'logout'

/**
 * What an upstream does while it does it, for somebody who writes its configuration. It holds names, places, statuses
 * and lengths: never a password, never a whole value, never text that the service sent.
 */
export type TraceEvent =
  | {
      readonly type: 'call'
      readonly call: CallName
      readonly method: string
      /** As configured: `{username}` is not filled in. */
      readonly path: string
      /** Undefined: there was no answer. */
      readonly status: number | undefined
      readonly milliseconds: number
      readonly failed: Pick<Failed, 'as' | 'detail'> | undefined
    }
  | {
      readonly type: 'extraction'
      readonly call: CallName
      /** `token`, `refreshToken`, `subject`, `expiry`, or one of the named ones. */
      readonly what: 'token' | 'refreshToken' | 'subject' | 'expiry' | 'claim' | 'value' | 'carry'
      /** Of a claim, a value or what is carried. */
      readonly name: string | undefined
      /** Place in the words of the configuration. */
      readonly where: string
      readonly found: boolean
      /** See {@link mask}. */
      readonly masked: string | undefined
      /** What is wrong with what stands there, or how it was understood. */
      readonly note: string | undefined
      /** Of a claim: something stands there, and no claim can be made of it. */
      readonly unusable?: true
    }
  | {
      readonly type: 'condition'
      readonly call: CallName
      readonly what: 'success' | 'when' | 'refusal'
      /** Position in the list of refusals, from 0. */
      readonly index: number | undefined
      readonly as: string | undefined
      readonly holds: boolean
      /** The first part that does not hold, in the words of the configuration. */
      readonly unmet: string | undefined
    }

export type TraceSink = (event: TraceEvent) => void

/**
 * Length, and the first three characters where that is at most a quarter of them: enough to tell a token from a piece of
 * HTML, and from another token.
 */
export function mask(value: string): string {
  const shown = value.length < 12 ? '' : `${value.slice(0, 3).replaceAll(/[^\x21-\x7e]/g, '?')}… `
  return `${shown}(${value.length} characters)`
}

export function describePlace(place: Place): string {
  switch (place.from) {
    case 'json':
    case 'jwt':
      return `${place.from} ${place.segments.length === 0 ? '(whole)' : pointerOf(place.segments)}`
    case 'field':
    case 'cookie':
      return `${place.from} ${place.name}`
    case 'header':
      return place.scheme === undefined ? `header ${place.name}` : `header ${place.name}, after ${place.scheme}`
    case 'cookies':
      return `cookies ${place.names.join(', ')}`
    case 'text':
      return 'text'
  }
}

export function describeClaimPlace(place: ClaimPlace): string {
  const each = place.each === undefined ? '' : `, of each ${pointerOf(place.each)}`
  const split = place.split === undefined ? '' : `, split at ${JSON.stringify(place.split)}`
  return `${describePlace(place)}${each}${split}`
}
