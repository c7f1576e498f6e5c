import type { Key } from './key.ts'
import { familyRoles } from './ring.ts'

/** One sentence for each family whose current key is older than it should be. @param maxAge milliseconds */
export function agedKeys(keys: readonly Key[], maxAge: number, now: number): readonly string[] {
  const { signing, sealing } = familyRoles(keys, now, 0)
  return [signing, sealing].flatMap(({ current }) => {
    if (current === undefined || now - current.activatesAt <= maxAge) return []
    const days = Math.floor((now - current.activatesAt) / 86_400_000)
    return [
      `the ${current.kind} key ${current.kid} is in use since ${days} days; make the next one with: postern keys rotate`,
    ]
  })
}
