import type { Clock } from '../base/clock.ts'
import type { Key, SealingKey, SigningKey } from './key.ts'

/**
 * `next`: published, not yet used. `current`: signs or seals. `retired`: still verifies or opens. `expired`: nothing
 * that it made can be alive any more.
 */
export type KeyRole = 'next' | 'current' | 'retired' | 'expired'

interface Timed {
  readonly kid: string
  readonly activatesAt: number
  readonly follows?: string | undefined
}

export interface Roles<K extends Timed> {
  /** By the time from which they are used. */
  readonly ordered: readonly K[]
  readonly current: K | undefined
  readonly roleOf: ReadonlyMap<string, KeyRole>
  /** When each key that is used no more began to be so: milliseconds since the epoch. */
  readonly endOf: ReadonlyMap<string, number>
  /** Milliseconds since the epoch at which a role changes next, if no file does. */
  readonly until: number
}

/**
 * Roles follow from the files and the time alone, so that replicas agree without talking. A `next` whose predecessor has
 * been taken away is used at once, and so is the newest where no key is active: that is what the emergency removal of
 * `current` leaves behind: an older key signs again only where none follows it.
 *
 * @param retention milliseconds that a retired key goes on verifying or opening
 */
export function keyRoles<K extends Timed>(keys: readonly K[], now: number, retention: number): Roles<K> {
  const ordered = keys.toSorted((a, b) => a.activatesAt - b.activatesAt || (a.kid < b.kid ? -1 : 1))
  const kids = new Set(ordered.map(({ kid }) => kid))
  const current =
    ordered.findLast(
      ({ activatesAt, follows }) => activatesAt <= now || (follows !== undefined && !kids.has(follows)),
    ) ?? ordered.at(-1)
  const roleOf = new Map<string, KeyRole>()
  const endOf = new Map<string, number>()
  let until = Infinity
  ordered.forEach((key, index) => {
    if (key === current) {
      roleOf.set(key.kid, 'current')
      return
    }
    if (key.activatesAt > now) {
      roleOf.set(key.kid, 'next')
      until = Math.min(until, key.activatesAt)
      return
    }
    // A key stops being used when the one after it begins.
    const ended = ordered[index + 1]?.activatesAt ?? now
    endOf.set(key.kid, ended)
    const ends = ended + retention
    roleOf.set(key.kid, ends > now ? 'retired' : 'expired')
    if (ends > now) until = Math.min(until, ends)
  })
  return { ordered, current, roleOf, endOf, until }
}

export interface FamilyRoles {
  readonly signing: Roles<SigningKey>
  readonly sealing: Roles<SealingKey>
}

/** The roles of both families. @param retention milliseconds; see {@link keyRoles} */
export function familyRoles(keys: readonly Key[], now: number, retention: number): FamilyRoles {
  return {
    signing: keyRoles(
      keys.filter((key) => key.kind === 'signing'),
      now,
      retention,
    ),
    sealing: keyRoles(
      keys.filter((key) => key.kind === 'sealing'),
      now,
      retention,
    ),
  }
}

export interface KeyRing {
  /** Changes whenever a key that was usable may not be any more: what was verified before has to be verified again. */
  readonly generation: number
  /** Throws nothing: a ring always has a current key of each family. */
  signingKey(): SigningKey
  sealingKey(): SealingKey
  /** By exact key id; undefined for an unknown or expired one. There is no fallback to other keys (security.md TV-05). */
  verifyingKey(kid: string): SigningKey | undefined
  openingKey(kid: string): SealingKey | undefined
  /** Whether a signing key is among the keys at all, an expired one included: one that is not has been withdrawn. */
  holds(kid: string): boolean
  /** Public keys for the JWKS: next, current and retired. */
  published(): readonly SigningKey[]
  roles(): readonly { readonly key: Key; readonly role: KeyRole }[]
  replace(keys: readonly Key[]): void
}

/** What stands between a set of keys and a ring, in one sentence, or undefined when nothing does. */
export function unusable(keys: readonly Key[]): string | undefined {
  if (!keys.some((key) => key.kind === 'signing')) return 'there is no signing key'
  if (!keys.some((key) => key.kind === 'sealing')) return 'there is no sealing key'
  return undefined
}

/** @param retention milliseconds; see {@link keyRoles} */
export function createKeyRing(keys: readonly Key[], retention: number, clock: Clock): KeyRing {
  let generation = 0
  let signing = family<SigningKey>([], retention, clock)
  let sealing = family<SealingKey>([], retention, clock)

  function replace(next: readonly Key[]): void {
    const fault = unusable(next)
    if (fault !== undefined) throw new TypeError(`A key ring cannot be made: ${fault}.`)
    signing = family(
      next.filter((key) => key.kind === 'signing'),
      retention,
      clock,
    )
    sealing = family(
      next.filter((key) => key.kind === 'sealing'),
      retention,
      clock,
    )
    generation += 1
  }

  replace(keys)
  return {
    get generation() {
      return generation
    },
    signingKey: () => signing.current(),
    sealingKey: () => sealing.current(),
    verifyingKey: (kid) => signing.usable(kid),
    openingKey: (kid) => sealing.usable(kid),
    holds: (kid) => signing.holds(kid),
    published: () => signing.all().flatMap(({ key, role }) => (role === 'expired' ? [] : [key])),
    roles: () => [...signing.all(), ...sealing.all()],
    replace,
  }
}

function family<K extends Timed>(keys: readonly K[], retention: number, clock: Clock) {
  const byKid = new Map(keys.map((key) => [key.kid, key]))
  let computedAt = clock()
  let roles = keyRoles(keys, computedAt, retention)

  function fresh(): Roles<K> {
    const now = clock()
    // A clock that was set back means that the roles were worked out for a time that has not come.
    if (now >= roles.until || now < computedAt) {
      roles = keyRoles(keys, now, retention)
      computedAt = now
    }
    return roles
  }

  return {
    current(): K {
      const { current } = fresh()
      if (current === undefined) throw new TypeError('A key ring has no keys.')
      return current
    },
    usable(kid: string): K | undefined {
      return fresh().roleOf.get(kid) === 'expired' ? undefined : byKid.get(kid)
    },
    holds: (kid: string) => byKid.has(kid),
    all(): readonly { readonly key: K; readonly role: KeyRole }[] {
      const { roleOf } = fresh()
      return keys.map((key) => ({ key, role: roleOf.get(key.kid) ?? 'expired' }))
    },
  }
}
