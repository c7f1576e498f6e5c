import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { SealingKey } from '../keys/key.ts'
import type { KeyRing } from '../keys/ring.ts'

/** Nonces for proofs (RFC 9449 section 8), made of the time and a key alone: every process that has the keys takes them. */
export interface NonceMaker {
  /** The one to be used from now on; the same for everybody. */
  current(): string
  /** Whether it may be used, and whether there is a newer one by now. Undefined: it is too old, or none of ours. */
  judge(nonce: string): 'current' | 'previous' | undefined
}

/** Milliseconds for which one is handed out. It may be used for as long again, so for 60 seconds at most. */
const turn = 30_000

/** Milliseconds. How far the clock of another process of ours may be ahead. */
const clocksApart = 5_000

/** Milliseconds after which no nonce that was good can be good again. */
export const nonceLife = 2 * turn + clocksApart

/** Bytes: four for the turn, then the code. */
const length = 4 + 16

export function createNonces(ring: KeyRing, clock: Clock): NonceMaker {
  let known: { readonly turn: number; readonly kid: string; readonly text: string } | undefined

  function current(): string {
    const now = turnAt(clock())
    const key = ring.sealingKey()
    if (known?.turn !== now || known.kid !== key.kid) known = { turn: now, kid: key.kid, text: nonceOf(key, now) }
    return known.text
  }

  /** A process may hold the next key already, or the one before still. */
  function madeHere(nonce: string, made: number): boolean {
    return ring.roles().some(({ key, role }) => {
      return key.kind === 'sealing' && role !== 'expired' && isEqual(nonce, nonceOf(key, made))
    })
  }

  return {
    current,
    judge(nonce) {
      if (nonce === current()) return 'current'
      const bytes = Buffer.from(nonce, 'base64url')
      if (bytes.length !== length) return undefined
      const made = bytes.readUInt32BE(0)
      const time = clock()
      const now = turnAt(time)
      if (made !== now && made !== now - 1 && made !== turnAt(time + clocksApart)) return undefined
      if (!madeHere(nonce, made)) return undefined
      return made === now - 1 ? 'previous' : 'current'
    },
  }
}

function turnAt(time: number): number {
  return Math.floor(time / turn)
}

function nonceOf({ proofNonceKey }: SealingKey, made: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(made)
  const code = createHmac('sha256', proofNonceKey).update('DPoP nonce').update(bytes).digest().subarray(0, 16)
  return Buffer.concat([bytes, code]).toString('base64url')
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
