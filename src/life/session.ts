import { createHash } from 'node:crypto'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { BindingSealer } from '../device/binding.ts'
import type { DeviceKey } from '../device/key.ts'
import type { ProfileClaims, TokenClaims } from '../token/claims.ts'
import type { Minted, Minter } from '../token/mint.ts'
import type { Sealer, UpstreamGrant } from '../token/seal.ts'
import { maximumTokenLength } from '../token/verify.ts'
import type { Session } from './authentication.ts'
import {
  carryBound,
  carryInCookies,
  tooLarge,
  type Carried,
  type CookieWriter,
  type TooLarge,
} from './cookie-budget.ts'
import { absoluteEnd, idleEnd, type LifePolicy } from './rules.ts'

/** What a session is made of, at sign-in and at every renewal. Times in milliseconds since the epoch. */
export interface SessionSource {
  readonly upstream: string
  readonly subject: string
  readonly profile: ProfileClaims
  readonly grant: UpstreamGrant
  /** When the upstream last said that the grant is good. */
  readonly checkedAt: number
  readonly sid: string
  readonly signedInAt: number
  /** Undefined: the idle limit begins anew now. */
  readonly idleAt: number | undefined
  /** The token ends by then, however long one lives. Default: that is not asked for. */
  readonly until?: number
  /** What it is bound to. Default: nothing. */
  readonly device?: DeviceKey | undefined
}

/** What a client was granted in an exchange. */
export interface ClientGrant {
  readonly client_id: string
  readonly aud: string
  /** Empty: none. */
  readonly scopes: readonly string[]
  /** Whether the upstream token is wrapped: only a token for our own routes has a use for it. */
  readonly wraps: boolean
}

export interface SessionMaker {
  forBrowser(source: SessionSource): Promise<Carried>
  /** @param jkt thumbprint of the key that the token is bound to; undefined: none */
  forClient(
    source: SessionSource,
    client?: ClientGrant,
    jkt?: string,
  ): Promise<{ readonly ok: true; readonly minted: Minted; readonly expiresIn: number } | TooLarge>
}

interface MakerDeps {
  readonly minter: Minter
  readonly sealer: Sealer
  readonly cookies: CookieWriter
  readonly bindings: BindingSealer
  readonly clock: Clock
}

/** @param apiTokenTtl milliseconds */
export function createSessionMaker(policy: LifePolicy, apiTokenTtl: number, deps: MakerDeps): SessionMaker {
  const { minter, sealer, cookies, bindings, clock } = deps

  function times(source: SessionSource, ttl: number) {
    const now = clock()
    const iat = toSeconds(now)
    const end = toSeconds(source.signedInAt + policy.absoluteTimeout)
    // A token never outlives what it wraps, nor the session (security.md TM-07).
    const idle = Math.min(toSeconds(source.idleAt ?? now + policy.idleTimeout), end)
    const ends = [source.grant.expiresAt, source.until].map((one = Infinity) => toSeconds(one))
    const exp = Math.min(iat + toSeconds(ttl), end, ...ends)
    return { iat, exp, idle, auth_time: toSeconds(source.signedInAt) }
  }

  return {
    async forBrowser(source) {
      const { iat, exp, idle, auth_time } = times(source, policy.tokenTtl)
      const sealed = await sealer.seal({ ...source.grant, checkedAt: source.checkedAt }, source.sid)
      const values = {
        sub: source.subject,
        iat,
        exp: Math.min(exp, idle),
        sid: source.sid,
        auth_time,
        idle_at: idle,
        upn: source.upstream,
        ...upstreamSession(source),
      }
      return source.device === undefined
        ? carryInCookies(minter, cookies, values, source.profile, sealed, idle - iat)
        : carryBound(minter, cookies, values, source.profile, sealed, idle - iat, {
            key: source.device,
            sealer: bindings,
          })
    },
    async forClient(source, client, jkt) {
      const { iat, exp, auth_time } = times(source, apiTokenTtl)
      // An access token is never renewed, so a refresh token has no business in it.
      const content = { ...source.grant, refreshToken: undefined, checkedAt: source.checkedAt }
      const sealed = client?.wraps === false ? undefined : await sealer.seal(content, source.sid)
      const values = {
        sub: source.subject,
        iat,
        exp,
        sid: source.sid,
        auth_time,
        upn: source.upstream,
        ...(client === undefined ? {} : grantedTo(client)),
        ...(jkt === undefined ? {} : { cnf: { jkt } }),
        ...upstreamSession(source),
        ...(sealed === undefined ? {} : { upt: sealed }),
      }
      const minted = await minter.mint('access', values, source.profile)
      const bytes = minted.token.length
      return bytes > maximumTokenLength
        ? tooLarge(bytes, maximumTokenLength, minted, sealed ?? '')
        : { ok: true, minted, expiresIn: exp - iat }
    },
  }
}

function grantedTo({ client_id, aud, scopes }: ClientGrant) {
  return { client_id, aud, ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) }
}

function upstreamSession({ upstream, grant }: SessionSource): { readonly ups?: string } {
  return grant.session === undefined ? {} : { ups: upstreamSessionDigest(upstream, grant.session) }
}

/** 96 bits: enough to find a session by, short enough for a cookie, and it tells nobody the id itself. */
export function upstreamSessionDigest(upstream: string, session: string): string {
  return createHash('sha256')
    .update(JSON.stringify([upstream, session]))
    .digest('base64url')
    .slice(0, 16)
}

/** What is left of a session, in seconds. */
export function sessionTimes(session: Session, now: number, policy: LifePolicy) {
  const left = (until: number) => Math.max(0, Math.ceil((until - now) / 1000))
  const { claims, kind } = session
  const expiresIn = left(claims.exp * 1000)
  return kind === 'session'
    ? { expiresIn, idleIn: left(idleEnd(claims)), absoluteIn: left(absoluteEnd(claims, policy)) }
    : { expiresIn }
}

/** Subject at the upstream: what stands after the prefix. */
export function upstreamSubject(claims: TokenClaims): string {
  return claims.sub.slice(claims.sub.indexOf('|') + 1)
}
