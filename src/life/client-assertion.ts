import { createHash } from 'node:crypto'
import { compactVerify } from 'jose'
import { toSeconds, type Clock } from '../base/clock.ts'
import type { Secret } from '../base/secret.ts'
import type { ClientKey } from '../config/exchange.ts'
import type { Facts } from './facts.ts'

/** Reads the assertions by which clients with a key authenticate (RFC 7523 sections 2.2 and 3). */
export interface AssertionReader {
  /** The client that it names, unverified. */
  subject(assertion: Secret): string | undefined
  /** What is wrong with it, in one sentence for the log; undefined = it is good, and was not shown before. */
  fault(assertion: Secret, client: string, keys: readonly ClientKey[]): Promise<string | undefined>
}

interface ReaderDeps {
  readonly audiences: readonly string[]
  readonly facts: Pick<Facts, 'first'>
  readonly clock: Clock
}

/** Seconds. */
const longestLife = 300
const leeway = 60

const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** `typ` of a client assertion, where it has one: none of another kind of JWT (RFC 8725 section 3.11). */
const kinds: readonly unknown[] = [undefined, 'jwt', 'client-authentication+jwt']

export function createAssertionReader({ audiences, facts, clock }: ReaderDeps): AssertionReader {
  async function claimFault(claims: Members, client: string): Promise<string | undefined> {
    const { iss, sub, aud, exp, iat, nbf, jti } = claims
    const now = toSeconds(clock())
    if (iss !== client || sub !== client) return '`iss` and `sub` are not the client'
    // One audience: an assertion that others may use too could come from one of them.
    const receiver: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
    if (typeof receiver !== 'string' || !audiences.includes(receiver))
      return '`aud` is neither the issuer nor the token endpoint, alone'
    if (typeof exp !== 'number') return '`exp` is missing'
    if (exp <= now - leeway) return '`exp` is past'
    if (!(exp <= now + longestLife + leeway)) return '`exp` lies more than 5 minutes ahead'
    for (const [name, time] of Object.entries({ iat, nbf })) {
      if (time !== undefined && !(typeof time === 'number' && time <= now + leeway)) return `\`${name}\` lies ahead`
    }
    if (typeof jti !== 'string' || jti === '') return '`jti` is missing'
    const id = createHash('sha256')
      .update(JSON.stringify(['client assertion', client, jti]))
      .digest('base64url')
      .slice(0, 22)
    // RFC 7523 section 3: only good ones are remembered, so only a client itself could make us forget its own.
    return (await facts.first('assertion', id, (exp + leeway) * 1000)) ? undefined : 'it was used before'
  }

  return {
    subject(assertion) {
      const text = assertion.reveal()
      const sub = compactForm.test(text) ? objectIn(text.split('.')[1] ?? '')?.['sub'] : undefined
      return typeof sub === 'string' && sub !== '' ? sub : undefined
    },

    async fault(assertion, client, keys) {
      const text = assertion.reveal()
      const header = objectIn(text.slice(0, text.indexOf('.')))
      if (header === undefined) return 'its header is not a JSON object'
      const { alg, kid, typ } = header
      const known = new Set(['alg', 'kid', 'typ', 'x5t', 'x5t#S256'])
      // No `jku`, `x5u`, `jwk` or `crit`: the keys are those of the configuration (RFC 8725 section 3.10).
      if (Object.keys(header).some((name) => !known.has(name))) return 'its header has a member that is not taken'
      if (!kinds.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return 'its `typ` is of another kind'
      const key = kid === undefined && keys.length === 1 ? keys[0] : keys.find((one) => one.kid === kid)
      if (key === undefined) return 'its `kid` is no key of this client'
      if (alg !== key.alg) return 'its `alg` is not that of the key'
      const claims = await verifiedClaims(text, key)
      return claims === undefined ? 'its signature is not good' : claimFault(claims, client)
    },
  }
}

type Members = Readonly<Record<string, unknown>>

async function verifiedClaims(text: string, { publicKey, alg }: ClientKey): Promise<Members | undefined> {
  try {
    const { payload } = await compactVerify(text, publicKey, { algorithms: [alg] })
    return parseObject(Buffer.from(payload).toString())
  } catch {
    return undefined
  }
}

function objectIn(segment: string): Members | undefined {
  return parseObject(Buffer.from(segment, 'base64url').toString())
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
  } catch {
    return undefined
  }
}
