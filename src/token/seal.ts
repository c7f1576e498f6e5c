import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { CompactEncrypt, compactDecrypt } from 'jose'
import type { Clock } from '../base/clock.ts'
import { Secret } from '../base/secret.ts'
import { sealingEncryption } from '../keys/algorithms.ts'
import { countAccepted } from '../keys/key.ts'
import type { KeyRing } from '../keys/ring.ts'
import { dictionary } from './dictionary.ts'
import { packToken, unpackToken } from './pack.ts'

/** What an upstream gave at sign-in or at a refresh. */
export interface UpstreamGrant {
  readonly token: Secret
  readonly refreshToken: Secret | undefined
  /** Milliseconds since the epoch at which the token ends; undefined = it did not say. */
  readonly expiresAt: number | undefined
  /** Further values that later requests to it need. */
  readonly values: Readonly<Record<string, string>>
  /** The upstream's own id of the session, where it has one that it may speak of later. */
  readonly session?: string
}

/** What is hidden inside our tokens. */
export interface SealedContent extends UpstreamGrant {
  /** Milliseconds since the epoch at which the upstream last said that the token is good. */
  readonly checkedAt: number
}

export interface Sealer {
  /** @param sid the session that this belongs to; `open` asks for the same one */
  seal(content: SealedContent, sid: string): Promise<string>
  /**
   * Undefined for anything that is not ours, not intact, or another session's. Call it only with what stood in a token
   * whose signature has been verified, or with the detached cookie of such a token (RFC 8725 section 3.3).
   */
  open(sealed: string, sid: string): Promise<SealedContent | undefined>
}

/** First byte of the plaintext: 1 was deflated without a dictionary. */
const plaintextFormat = 2

/** Bytes after inflating. Nothing that we seal is larger, so nothing larger is opened. */
const largestPlaintext = 131_072

interface Meta {
  readonly sid: string
  /** The token itself, or the lengths of its packed parts. */
  readonly t: string | readonly number[]
  /** The refresh token, or the lengths of its packed parts, which follow those of the token; `true` = the token itself. */
  readonly r?: string | readonly number[] | true
  readonly e?: number
  readonly c: number
  readonly v?: Readonly<Record<string, string>>
  /** The upstream's own id of the session. */
  readonly u?: string
}

/**
 * Compact JWE with `dir` and A256GCM (RFC 7516, RFC 7518 sections 4.5 and 5.3). The plaintext is deflated here, so the
 * `zip` header is never used and always refused.
 */
export function createSealer(ring: KeyRing, clock: Clock): Sealer {
  return {
    async seal(content, sid) {
      const key = ring.sealingKey()
      const token = pack(content.token)
      const same = content.refreshToken?.reveal() === content.token.reveal()
      const refresh = content.refreshToken === undefined || same ? undefined : pack(content.refreshToken)
      const meta: Meta = {
        sid,
        t: token.meta,
        ...(refresh === undefined ? {} : { r: refresh.meta }),
        ...(same ? { r: true } : {}),
        ...(content.expiresAt === undefined ? {} : { e: content.expiresAt }),
        c: content.checkedAt,
        ...(Object.keys(content.values).length === 0 ? {} : { v: content.values }),
        ...(content.session === undefined ? {} : { u: content.session }),
      }
      const plaintext = encode(meta, Buffer.concat([token.bytes, refresh?.bytes ?? nothing]))
      return new CompactEncrypt(plaintext)
        .setProtectedHeader({ alg: 'dir', enc: sealingEncryption, kid: key.kid })
        .encrypt(key.upstreamTokenKey)
    },

    async open(sealed, sid) {
      const kid = sealedKeyId(sealed)
      const key = kid === undefined ? undefined : ring.openingKey(kid)
      if (key === undefined) return undefined
      try {
        const { plaintext } = await compactDecrypt(sealed, key.upstreamTokenKey, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: [sealingEncryption],
          maxDecompressedLength: 0,
        })
        const { meta, tail } = decode(plaintext)
        // Compact JWE has no additional authenticated data of our own, so the session is compared after opening: a
        // sealed part moved to another person's token stays shut (security.md TV-15).
        if (meta.sid !== sid) return undefined
        countAccepted(key, clock())
        const token = unpack(meta.t, tail)
        const refreshToken =
          meta.r === undefined
            ? undefined
            : meta.r === true
              ? token.secret
              : unpack(meta.r, tail.subarray(token.length)).secret
        return {
          token: token.secret,
          refreshToken,
          expiresAt: meta.e,
          values: meta.v ?? {},
          checkedAt: meta.c,
          ...(meta.u === undefined ? {} : { session: meta.u }),
        }
      } catch {
        return undefined
      }
    },
  }
}

/** Exactly the three members that `seal` writes: anything else, `zip` included, is not ours. */
function sealedKeyId(sealed: string): string | undefined {
  try {
    const text = Buffer.from(sealed.slice(0, Math.max(0, sealed.indexOf('.'))), 'base64url').toString()
    const { kid } = JSON.parse(text) as { kid?: unknown }
    if (typeof kid !== 'string') return undefined
    return text === JSON.stringify({ alg: 'dir', enc: sealingEncryption, kid }) ? kid : undefined
  } catch {
    return undefined
  }
}

const nothing = new Uint8Array()

function pack(secret: Secret): { readonly meta: string | readonly number[]; readonly bytes: Uint8Array } {
  const token = secret.reveal()
  const packed = packToken(token)
  return packed === undefined ? { meta: token, bytes: nothing } : { meta: packed.lengths, bytes: packed.bytes }
}

/** `length`: bytes of the tail that it took. */
function unpack(
  meta: string | readonly number[],
  tail: Uint8Array,
): { readonly secret: Secret; readonly length: number } {
  if (typeof meta === 'string') return { secret: new Secret(meta), length: 0 }
  const length = meta.reduce((sum, one) => sum + one, 0)
  return { secret: new Secret(unpackToken({ lengths: meta, bytes: tail })), length }
}

/** format byte · four bytes of length · that many bytes of JSON · the packed token; all but the first byte deflated. */
function encode(meta: Meta, tail: Uint8Array): Uint8Array {
  const json = Buffer.from(JSON.stringify(meta))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  const deflated = deflateRawSync(Buffer.concat([length, json, tail]), { level: 9, dictionary })
  return Buffer.concat([Buffer.of(plaintextFormat), deflated])
}

function decode(plaintext: Uint8Array): { readonly meta: Meta; readonly tail: Uint8Array } {
  const [format] = plaintext
  if (format !== plaintextFormat && format !== 1) throw new TypeError('unknown plaintext format')
  const inflated = inflateRawSync(plaintext.subarray(1), {
    maxOutputLength: largestPlaintext,
    ...(format === plaintextFormat ? { dictionary } : {}),
  })
  const end = 4 + inflated.readUInt32BE(0)
  const meta = JSON.parse(inflated.subarray(4, end).toString()) as Meta
  return { meta, tail: inflated.subarray(end) }
}
