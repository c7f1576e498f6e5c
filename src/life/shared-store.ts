import type { SharedBuckets } from './buckets.ts'
import type { DenialReason } from './facts.ts'

/** A session that ended before its time. Times in milliseconds since the epoch. */
export interface Denial {
  readonly sid: string
  readonly reason: DenialReason
  /** After it the session is over anyway. */
  readonly until: number
}

/** Sessions of a person that began by then are over. Times in milliseconds since the epoch. */
export interface CutOff {
  readonly sub: string
  readonly at: number
  /** After it every one of them is over anyway. */
  readonly until: number
}

/** What ends sessions before their time. */
export type Ending = Denial | CutOff

/** `unknown`: nobody could be asked. */
export type Added = { readonly state: 'added' | 'unknown' } | { readonly state: 'held'; readonly value: string }

/**
 * What several processes have in common: endings that all of them hear, and short texts under a key. Everything in it may
 * be lost at any moment, and a store that cannot be asked lets nobody in. Nothing here rejects.
 */
export interface SharedStore {
  /** Resolves when what others told before is known here, or cannot be had now. */
  ready(): Promise<void>
  /** Tells every other process, those that start later too. */
  tell(ending: Ending): void
  /** @param listener called for every one that others told, also before this process started */
  hear(listener: (ending: Ending) => void): void
  get(key: string): Promise<string | undefined>
  put(key: string, value: string, until: number): Promise<void>
  /** Puts a value where there is none. */
  add(key: string, value: string, until: number): Promise<Added>
  remove(key: string): Promise<void>
  readonly buckets: SharedBuckets
  /** Whether it can be asked just now. Absent where it always can. */
  reachable?(): boolean
  close(): Promise<void>
}
