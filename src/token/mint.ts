import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { registeredNames } from '../base/claim-names.ts'
import { toSeconds } from '../base/clock.ts'
import type { SigningKey } from '../keys/key.ts'
import type { KeyRing } from '../keys/ring.ts'
import {
  formatVersion,
  tokenKinds,
  type ProfileClaims,
  type RegisteredClaims,
  type TokenClaims,
  type TokenKind,
} from './claims.ts'

/** What the life of a session decides about a token; the rest is filled in here. */
export type Mintable = Omit<RegisteredClaims, 'v' | 'iss' | 'aud' | 'jti' | 'client_id' | 'nbf'> &
  Partial<Pick<RegisteredClaims, 'aud' | 'client_id'>>

export interface Minted {
  readonly token: string
  /** Of the key that signed it. */
  readonly kid: string
  readonly claims: RegisteredClaims & { readonly profile: ProfileClaims }
}

export interface Minter {
  mint(kind: TokenKind, values: Mintable, profile: ProfileClaims): Promise<Minted>
  /** An assertion for one receiver: who it is, for as long as the token that it comes from, with nothing wrapped. */
  mintAssertion(claims: TokenClaims, audience: string, now: number): Promise<string>
}

export interface Audiences {
  readonly issuer: string
  /** `aud` per kind; the kinds never share one (security.md TV-10). */
  readonly audience: Readonly<Record<TokenKind, string>>
}

/** 128 bits, enough never to meet again (RFC 7519 section 4.1.7; security.md TM-02). */
export function randomId(): string {
  return randomBytes(16).toString('base64url')
}

/** Without any name that is ours: a profile claim can never stand in for one, nor for one that is absent (security.md TM-06). */
function mapped(profile: ProfileClaims): ProfileClaims {
  return Object.fromEntries(Object.entries(profile).filter(([name]) => !registeredNames.has(name)))
}

export function createMinter(ring: KeyRing, names: Audiences): Minter {
  function sign(key: SigningKey, typ: string, registered: RegisteredClaims, profile: ProfileClaims): Promise<string> {
    return new SignJWT({ ...mapped(profile), ...registered })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ })
      .sign(key.privateKey)
  }

  return {
    async mint(kind, values, profile) {
      const registered: RegisteredClaims = {
        v: formatVersion,
        iss: names.issuer,
        aud: names.audience[kind],
        client_id: 'postern',
        jti: randomId(),
        nbf: values.iat,
        ...values,
      }
      const key = ring.signingKey()
      const token = await sign(key, tokenKinds[kind].typ, registered, profile)
      return { token, kid: key.kid, claims: { ...registered, profile } }
    },

    mintAssertion(claims, audience, now) {
      const iat = toSeconds(now)
      const { v, iss, sub, client_id, scope, exp, sid, auth_time, upn, profile } = claims
      const registered = {
        v,
        iss,
        sub,
        aud: audience,
        client_id,
        // What a client may not do here it may not do behind us either.
        ...(scope === undefined ? {} : { scope }),
        iat,
        nbf: iat,
        exp,
        jti: randomId(),
        sid,
        auth_time,
        upn,
      }
      return sign(ring.signingKey(), tokenKinds.assertion.typ, registered, profile)
    },
  }
}
