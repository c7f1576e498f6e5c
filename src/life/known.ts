import type { SigningKey } from '../keys/key.ts'
import type { KeyRing } from '../keys/ring.ts'
import { takenFrom } from '../token/verify.ts'
import type { Authentication, Session } from './authentication.ts'
import type { Endings } from './endings.ts'

/** A verified token and until when nothing about it has to be asked again. Times in milliseconds. */
export interface Known {
  readonly session: Session
  readonly answer: Extract<Authentication, { state: 'valid' }>
  /** A clock that was set back further makes it a token of the future, remembered or not. */
  readonly from: number
  readonly freshUntil: number
  /** The same for a request that counts as activity. */
  readonly activityFreshUntil: number
  readonly key: SigningKey
  readonly ringGeneration: number
  endingsGeneration: number
  /** The last tombstone that does not end it. */
  spared: string | undefined
}

/** What was verified once, and whether that still stands. */
export interface Knowledge {
  learn(session: Session, key: SigningKey, freshUntil: number, activityFreshUntil?: number): Known
  /** Whether no key was taken away since. */
  stands(known: Known): boolean
  /** Whether nothing that was learned since ended it. Cheap while nothing was learned. */
  unended(known: Known): boolean
}

export function createKnowledge(ring: Pick<KeyRing, 'generation'>, endings: Endings): Knowledge {
  return {
    learn(session, key, freshUntil, activityFreshUntil = freshUntil) {
      return {
        session,
        answer: { state: 'valid', session, sealed: session.claims.upt, setCookies: [] },
        from: takenFrom(session.claims),
        freshUntil,
        activityFreshUntil,
        key,
        ringGeneration: ring.generation,
        endingsGeneration: -1,
        spared: undefined,
      }
    },
    stands: ({ ringGeneration }) => ringGeneration === ring.generation,
    unended(known) {
      if (known.endingsGeneration === endings.generation) return true
      if (endings.endedBy(known.session.claims) !== undefined) return false
      known.endingsGeneration = endings.generation
      return true
    },
  }
}
