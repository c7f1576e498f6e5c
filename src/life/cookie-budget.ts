import type { BindingSealer } from '../device/binding.ts'
import type { DeviceKey } from '../device/key.ts'
import type { ProfileClaims } from '../token/claims.ts'
import type { Minted, Mintable, Minter } from '../token/mint.ts'

/** Writes Set-Cookie values, always with the same attributes. `maxAge` in seconds. */
export interface CookieWriter {
  session(token: string, maxAge: number): string
  sealed(value: string, maxAge: number): string
  out(value: string, maxAge: number): string
  /** What the browser keeps of the key that its session is bound to. */
  device(value: string, maxAge: number): string
  /** Deletes session and sealed part, under former names as well. */
  clear(): readonly string[]
  clearSealed(): string
  clearDevice(): string
}

/** Bytes of one Set-Cookie value, attributes included. Front proxies give up a little above it. */
export const setCookieBudget = 3800

/** Bytes that our cookies may take up in a request's Cookie header. */
export const cookieHeaderBudget = 7000

/** What does not fit: bytes by claim. */
export interface TooLarge {
  readonly ok: false
  readonly bytes: number
  readonly budget: number
  readonly bill: Readonly<Record<string, number>>
}

export type Carried =
  | {
      readonly ok: true
      readonly minted: Minted
      /** The sealed part, where it rides in its own cookie. */
      readonly sealed: string | undefined
      readonly setCookies: readonly string[]
      readonly bytes: number
    }
  | TooLarge

/**
 * Puts a session into cookies: one where it fits; otherwise the sealed upstream token leaves the JWT and rides alone.
 * What does not fit either way is refused with a bill in bytes, never dropped in silence.
 *
 * @param maxAge seconds
 */
export async function carryInCookies(
  minter: Minter,
  writer: CookieWriter,
  values: Mintable,
  profile: ProfileClaims,
  sealed: string,
  maxAge: number,
): Promise<Carried> {
  const whole = await minter.mint('session', { ...values, upt: sealed }, profile)
  const single = writer.session(whole.token, maxAge)
  if (single.length <= setCookieBudget) {
    return { ok: true, minted: whole, sealed: undefined, setCookies: [single], bytes: single.length }
  }
  const bare = await minter.mint('session', values, profile)
  return within(bare, sealed, [writer.session(bare.token, maxAge), writer.sealed(sealed, maxAge)])
}

/**
 * Seconds by which a browser finds a bound session's cookie gone before we find it expired: from then on it asks for another
 * before it sends anything, where the cookie alone would be refused.
 */
const aheadOfExpiry = 5

/** What a bound session is carried with beside its claims. */
export interface Binder {
  readonly key: DeviceKey
  readonly sealer: BindingSealer
}

/**
 * A session that is bound to a key rides in three: the token, which the browser has to miss when it has expired; what it
 * wraps, which has to be there then; and what the next one is made from, with the key.
 *
 * @param maxAge seconds
 */
export async function carryBound(
  minter: Minter,
  writer: CookieWriter,
  values: Mintable,
  profile: ProfileClaims,
  sealed: string,
  maxAge: number,
  { key, sealer }: Binder,
): Promise<Carried> {
  const minted = await minter.mint('session', { ...values, cnf: { jkt: key.jkt } }, profile)
  const { token } = minted
  const setCookies = [
    writer.session(token, Math.max(1, values.exp - values.iat - aheadOfExpiry)),
    writer.sealed(sealed, maxAge),
    writer.device(await sealer.seal({ token, key }), maxAge),
  ]
  return within(minted, sealed, setCookies)
}

/** Whether each fits an answer, and all of them a request. */
function within(minted: Minted, sealed: string, setCookies: readonly string[]): Carried {
  const inRequest = setCookies.reduce((sum, cookie) => sum + pairLength(cookie) + '; '.length, 0)
  const tooLong = setCookies.find((cookie) => cookie.length > setCookieBudget)
  if (tooLong !== undefined) return tooLarge(tooLong.length, setCookieBudget, minted, sealed)
  if (inRequest > cookieHeaderBudget) return tooLarge(inRequest, cookieHeaderBudget, minted, sealed)
  const bytes = setCookies.reduce((sum, cookie) => sum + cookie.length, 0)
  return { ok: true, minted, sealed, setCookies, bytes }
}

function pairLength(setCookie: string): number {
  const end = setCookie.indexOf(';')
  return end === -1 ? setCookie.length : end
}

/** @param minted the token without the sealed part */
export function tooLarge(bytes: number, budget: number, minted: Minted, sealed: string): TooLarge {
  const { profile, upt: _, ...registered } = minted.claims
  const entries = Object.entries({ ...registered, ...profile }).map(
    ([name, value]) => [name, Buffer.byteLength(JSON.stringify(value))] as const,
  )
  return { ok: false, bytes, budget, bill: { ...Object.fromEntries(entries), upt: sealed.length } }
}
