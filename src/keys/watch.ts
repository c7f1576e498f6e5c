import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import { keepLooking } from '../base/looking.ts'
import { agedKeys } from './age.ts'
import { keyFileName, type FolderReading, type KeyFolder } from './folder.ts'
import type { Key } from './key.ts'
import { unusable, type KeyRing } from './ring.ts'

interface WatchDeps {
  readonly ring: Pick<KeyRing, 'roles' | 'replace'>
  /** Milliseconds; see {@link agedKeys}. */
  readonly maxAge: number
  readonly clock: Clock
  readonly events: EventSink
}

export interface KeyWatch {
  /** Looks now, beside the looks that come by themselves. Never rejects. */
  look(): Promise<void>
  /** How many things are wrong with the folder now. */
  readonly faults: number
  close(): void
}

/** Milliseconds between two looks. What two of them find alike is in force: within 2 s, and never half of a change. */
const interval = 1_000

/** Milliseconds between two alerts that a key is old. */
const alertEvery = 86_400_000

/**
 * Follows a folder of keys while the process runs. It reads every file at every look: modification times lie on network
 * file systems and where a symlink is swapped. What is good is taken, a file with a fault stays what it was when it was
 * good, and what is gone is gone; where that would leave a family without a key, or the folder cannot be read, everything
 * stays as it was (security.md KR-04, KR-05).
 *
 * @param start the reading that the ring was made of
 */
export function watchKeys(folder: KeyFolder, start: FolderReading, deps: WatchDeps): KeyWatch {
  const { ring, maxAge, clock, events } = deps
  let keys = start.keys
  let inForce = start.state
  let seen = start.state
  let faults: ReadonlySet<string> = new Set()
  let current = keysInUse()
  let alertedAt = -Infinity
  let running: Promise<void> | undefined
  let closed = false

  async function lookOnce(): Promise<void> {
    const reading = await folder.read()
    if (closed) return
    // Twice the same: nobody is in the middle of writing.
    if (reading.state !== inForce && reading.state === seen) take(reading)
    seen = reading.state
    tellCurrent()
    tellAge()
  }

  function take(reading: FolderReading): void {
    inForce = reading.state
    const next = merged(keys, reading)
    const missing = reading.names === undefined ? undefined : unusable(next)
    tellFaults(missing === undefined ? reading.faults : [...reading.faults, `${folder.dir}: ${missing}`])
    if (reading.names === undefined || missing !== undefined) return
    const added = next.filter((key) => !keys.includes(key))
    const gone = keys.filter(({ kid }) => !next.some((key) => key.kid === kid))
    if (added.length + gone.length === 0) return
    keys = next
    ring.replace(next)
    const told = [
      ...added.map(({ kind, kid }) => `${kind} key ${kid} is here`),
      ...gone.map(({ kind, kid }) => `${kind} key ${kid} is gone, and what it made with it`),
    ]
    events({ type: 'keys_changed', message: `keys: ${told.join('; ')}`, added: kidsOf(added), gone: kidsOf(gone) })
  }

  /** Each once, for as long as it lasts. */
  function tellFaults(found: readonly string[]): void {
    for (const fault of found)
      if (!faults.has(fault))
        events({ type: 'keys_refused', message: `keys: ${fault}; what was good before stays in force` })
    if (found.length === 0 && faults.size > 0) events({ type: 'notice', message: `keys: ${folder.dir} is good again` })
    faults = new Set(found)
  }

  function keysInUse(): readonly Key[] {
    return ring.roles().flatMap(({ key, role }) => (role === 'current' ? [key] : []))
  }

  function tellCurrent(): void {
    const now = keysInUse()
    const before = kidsOf(current)
    const begun = now.filter(({ kid }) => !before.includes(kid))
    current = now
    if (begun.length === 0) return
    const told = begun.map(({ kind, kid }) => `${kind} key ${kid}`)
    events({ type: 'keys_in_use', message: `keys: in use from now on: ${told.join(', ')}`, kids: kidsOf(begun) })
  }

  function tellAge(): void {
    const now = clock()
    if (now < alertedAt + alertEvery) return
    const aged = agedKeys(keys, maxAge, now)
    if (aged.length > 0) alertedAt = now
    for (const message of aged) events({ type: 'warning', message: `keys: ${message}` })
  }

  function look(): Promise<void> {
    running ??= lookOnce()
      .catch((error: unknown) => events({ type: 'error', where: 'keys', error }))
      .finally(() => {
        running = undefined
      })
    return running
  }

  const looking = keepLooking(look, interval)
  return {
    look,
    get faults() {
      return faults.size
    },
    close() {
      closed = true
      looking.close()
    },
  }
}

function kidsOf(keys: readonly Key[]): readonly string[] {
  return keys.map(({ kid }) => kid)
}

/** Of the files that are there: what is good now, else what was good before. */
function merged(before: readonly Key[], { names = [], keys }: FolderReading): readonly Key[] {
  const good = new Map([...before, ...keys].map((key) => [keyFileName(key.kid), key]))
  return names.flatMap((name) => good.get(name) ?? [])
}
