import { LRUCache } from 'lru-cache'
import type { Clock } from '../base/clock.ts'

/**
 * What an attempt counts in, by the generic cell rate algorithm: one number per key says when its allowance is whole again.
 * Milliseconds.
 */
export interface Cell {
  readonly key: string
  /** What one attempt adds. */
  readonly each: number
  /** How far ahead the number may be for another attempt. */
  readonly free: number
  /** How far ahead it is at most: a clock that was wrong for a moment leaves no trace. */
  readonly most: number
  /** Whether it refuses when it is full. One that does not only tells how long it would have to wait. */
  readonly refuses: boolean
}

/** Milliseconds until another attempt may be made, for every cell in the order given; 0 = at once. */
export type Waits = readonly number[]

/** Counters of attempts, perhaps of several processes. Bounded in memory. Nothing here rejects. */
export interface Buckets {
  /** Counts an attempt in every cell, unless one that refuses is full: then in none. */
  take(cells: readonly Cell[]): Promise<Waits>
  /** Undoes what `take` counted with that very list, or part of it. */
  takeBack(taken: readonly Cell[], part?: readonly Cell[]): Promise<void>
  /** Nothing more of that key until then, in milliseconds since the epoch. */
  hold(cell: Cell, until: number): Promise<void>
}

interface Level {
  /** When the allowance is whole again, and when that was worked out: milliseconds since the epoch. */
  readonly whole: number
  readonly at: number
}

/** @param keysKept beyond it the ones unused for longest go */
export function createProcessBuckets(clock: Clock, keysKept = 300_000): Buckets & { readonly size: number } {
  // By size and not by number: that would take all the memory at the start.
  const levels = new LRUCache<string, Level>({ maxSize: keysKept, sizeCalculation: () => 1 })

  /** Where the clock was set back, no time has gone by: nobody waits for as long as it was ahead, and nobody waits less. */
  function levelOf(key: string, now: number): Level {
    const level = levels.get(key)
    if (level === undefined) return { whole: now, at: now }
    if (now >= level.at) return level
    const moved = { whole: now + Math.max(0, level.whole - level.at), at: now }
    levels.set(key, moved)
    return moved
  }

  const ahead = ({ key, most }: Cell, now: number) => Math.min(Math.max(levelOf(key, now).whole - now, 0), most)

  return {
    async take(cells) {
      const now = clock()
      const waits = cells.map((cell) => Math.max(0, ahead(cell, now) - cell.free))
      if (cells.some(({ refuses }, index) => refuses && (waits[index] ?? 0) > 0)) return waits
      for (const cell of cells)
        if (cell.each > 0) levels.set(cell.key, { whole: now + ahead(cell, now) + cell.each, at: now })
      return waits
    },
    async takeBack(taken, part = taken) {
      const now = clock()
      for (const { key, each } of part) {
        if (each === 0) continue
        const { whole, at } = levelOf(key, now)
        // What says nothing takes no room: whoever gives back all that they take could push out what counts.
        if (whole - each <= now) levels.delete(key)
        else levels.set(key, { whole: whole - each, at })
      }
    },
    async hold({ key }, until) {
      levels.set(key, { whole: until, at: clock() })
    },
    get size() {
      return levels.size
    },
  }
}

/** Counters that processes have in common; `undefined` = nobody could be asked. */
export interface SharedBuckets extends Omit<Buckets, 'take'> {
  take(cells: readonly Cell[]): Promise<Waits | undefined>
}

/** While nobody can be asked, each process counts for itself: guessing is never free. */
export function createSharedBuckets(shared: SharedBuckets, own: Buckets): Buckets {
  const countedHere = new WeakSet<readonly Cell[]>()
  return {
    async take(cells) {
      const waits = await shared.take(cells)
      if (waits !== undefined) return waits
      countedHere.add(cells)
      return own.take(cells)
    },
    takeBack: (taken, part) => (countedHere.has(taken) ? own : shared).takeBack(taken, part),
    async hold(cell, until) {
      await own.hold(cell, until)
      await shared.hold(cell, until)
    },
  }
}
