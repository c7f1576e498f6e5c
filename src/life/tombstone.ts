/*
 * A cookie that says what is over in this browser: the sessions signed out here by name, and, once somebody has signed
 * in over another session, everything that began before that sign-in. A renewal that was on its way may set the session
 * cookie of such a session again; it counts as absent all the same.
 *
 * It is not signed: whoever can write it can only sign this browser out.
 */

/** All times in seconds, as claims have them. */
export interface Tombstones {
  readonly buried: readonly Tombstone[]
  /** Sessions of an earlier `auth_time` count as absent; undefined = any may be good. */
  readonly since: number | undefined
}

export interface Tombstone {
  readonly sid: string
  /** When the session would have been over anyway. */
  readonly absoluteEnd: number
}

/** Sessions remembered at most; the ones that end first go first. */
const most = 3

const entryShape = /^([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})$/

/** In the place of a `sid`; those are longer. */
const sinceName = 'since'
const sinceMark = `${sinceName}.`

/** What of the cookie's value is still of use. `now` in seconds. Anything unreadable is skipped. */
export function readTombstones(value: string | undefined, now: number): Tombstones {
  if (value === undefined || value.length > 512) return { buried: [], since: undefined }
  const entries = value.split('~').flatMap((entry) => {
    const match = entryShape.exec(entry)
    return match?.[1] === undefined || match[2] === undefined ? [] : [{ sid: match[1], absoluteEnd: Number(match[2]) }]
  })
  return {
    buried: entries.filter(({ sid, absoluteEnd }) => sid !== sinceName && absoluteEnd > now),
    since: entries.find(({ sid }) => sid === sinceName)?.absoluteEnd,
  }
}

/**
 * The value of the cookie, and its Max-Age in seconds.
 *
 * @param now seconds
 * @param longest how long a session may last, in seconds
 */
export function writeTombstones(
  { buried, since }: Tombstones,
  now: number,
  longest: number,
): { readonly value: string; readonly maxAge: number } {
  const unique = [...new Map(buried.map((entry) => [entry.sid, entry])).values()]
  // Of those that end alike the one buried last is the one that may still come back.
  const kept = unique
    .toReversed()
    .toSorted((a, b) => b.absoluteEnd - a.absoluteEnd)
    .slice(0, most)
  const ends = kept.map(({ absoluteEnd }) => absoluteEnd)
  return {
    value: [
      ...(since === undefined ? [] : [`${sinceMark}${since}`]),
      ...kept.map(({ sid, absoluteEnd }) => `${sid}.${absoluteEnd}`),
    ].join('~'),
    maxAge: Math.max(0, ...ends.map((end) => end - now), since === undefined ? 0 : since + longest - now),
  }
}

/** Whether the cookie says that this session is over. On the way of every request, so little is parsed. */
export function isTombstoned(value: string, { sid, auth_time }: { sid: string; auth_time: number }): boolean {
  if (value.startsWith(`${sid}.`) || value.includes(`~${sid}.`)) return true
  const mark = value.indexOf(sinceMark)
  // The writer puts it first; after a sid it would stand behind a `~`.
  if (mark === -1 || (mark > 0 && value[mark - 1] !== '~')) return false
  return Number.parseInt(value.slice(mark + sinceMark.length), 10) > auth_time
}
