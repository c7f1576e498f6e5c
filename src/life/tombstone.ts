/*
 * A cookie that names the sessions signed out in this browser. A renewal that was on its way when the person signed out
 * may set the session cookie again; the tombstone makes that session count as absent all the same.
 *
 * It is not signed: whoever can write it can only sign this browser out.
 */

export interface Tombstone {
  readonly sid: string
  /** Seconds since the epoch at which the session would have been over anyway. */
  readonly absoluteEnd: number
}

/** Sessions remembered at most; the ones that end first go first. */
const most = 3

const entryShape = /^([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})$/

/** Entries of the cookie's value that are still of use. `now` in seconds. Anything unreadable is skipped. */
export function readTombstones(value: string | undefined, now: number): readonly Tombstone[] {
  if (value === undefined || value.length > 512) return []
  return value.split('~').flatMap((entry) => {
    const match = entryShape.exec(entry)
    if (match?.[1] === undefined || match[2] === undefined) return []
    const absoluteEnd = Number(match[2])
    return absoluteEnd > now ? [{ sid: match[1], absoluteEnd }] : []
  })
}

/** The value of the cookie, and its Max-Age in seconds. `now` in seconds. */
export function writeTombstones(
  entries: readonly Tombstone[],
  now: number,
): { readonly value: string; readonly maxAge: number } {
  const unique = [...new Map(entries.map((entry) => [entry.sid, entry])).values()]
  // Of those that end alike the one buried last is the one that may still come back.
  const kept = unique
    .toReversed()
    .toSorted((a, b) => b.absoluteEnd - a.absoluteEnd)
    .slice(0, most)
  return {
    value: kept.map(({ sid, absoluteEnd }) => `${sid}.${absoluteEnd}`).join('~'),
    maxAge: Math.max(0, ...kept.map(({ absoluteEnd }) => absoluteEnd - now)),
  }
}

/** Whether the cookie names that session. On the way of every request, so nothing is parsed. */
export function isTombstoned(value: string, sid: string): boolean {
  return value.startsWith(`${sid}.`) || value.includes(`~${sid}.`)
}
